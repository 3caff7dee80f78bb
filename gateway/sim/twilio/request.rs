//! Checks the gateway's requests as strictly as Twilio, and here and there more. Pure.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use base64::{Engine, prelude::BASE64_STANDARD};
use url::{Url, form_urlencoded};

use super::{Line, answer::Refusal};
use crate::sim::outbox::{Draft, Sent};

/// Files per message, both ways.
pub(super) const MEDIA_LIMIT: usize = 10;

/// Characters per message. Twilio does not say which; UTF-16 units is the strictest reading.
const BODY_LIMIT: usize = 1600;

/// Characters of a callback's URL.
const CALLBACK_LIMIT: usize = 4000;

/// Seconds a message may wait in Twilio's queue.
const VALIDITY: std::ops::RangeInclusive<u32> = 1..=36_000;

/// Messages per page: usual, and at most.
const PAGE_SIZE: usize = 50;
const PAGE_SIZE_LIMIT: usize = 1000;

/// The user and password of Basic authentication, with a colon between.
pub(super) fn credentials(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = given.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()
}

/// What a send asks for.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Order {
    to: Option<String>,
    from: Option<String>,
    service: Option<String>,
    body: Option<String>,
    pub(super) media: Vec<String>,
    callback: Option<String>,
    validity: Option<String>,
    smart_encoded: Option<String>,
}

/// Reads a send's form and checks everything that needs no knowledge of the account.
pub(super) fn order(headers: &HeaderMap, body: &[u8]) -> Result<Order, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        return Err(Refusal::bad(20001, "the content type must be application/x-www-form-urlencoded"));
    }
    let order = read_form(body)?;
    order.check_recipient()?;
    order.check_content()?;
    order.check_delivery()?;
    Ok(order)
}

/// Twilio ignores most parameters it does not know and takes one of several values. The simulator refuses
/// both, and parameters whose effect it does not play, because each would be a mistake of ours.
fn read_form(body: &[u8]) -> Result<Order, Refusal> {
    let mut order = Order::default();
    for (name, value) in form_urlencoded::parse(body).into_owned() {
        let place = match name.as_str() {
            "MediaUrl" => {
                order.media.push(value);
                continue;
            }
            "To" => &mut order.to,
            "From" => &mut order.from,
            "MessagingServiceSid" => &mut order.service,
            "Body" => &mut order.body,
            "StatusCallback" => &mut order.callback,
            "ValidityPeriod" => &mut order.validity,
            "SmartEncoded" => &mut order.smart_encoded,
            _ => {
                return Err(Refusal::bad(20001, format!("the simulator does not know the parameter {name}")));
            }
        };
        if place.replace(value).is_some() {
            return Err(Refusal::bad(20001, format!("the parameter {name} is given twice")));
        }
    }
    Ok(order)
}

impl Order {
    fn check_recipient(&self) -> Result<(), Refusal> {
        match self.to.as_deref() {
            None | Some("") => Err(Refusal::coded(21604)),
            Some(to) if !is_e164(to) => Err(Refusal::coded(21211)),
            Some(to) if self.from.as_deref() == Some(to) => Err(Refusal::coded(21266)),
            Some(_) => Ok(()),
        }
    }

    fn check_content(&self) -> Result<(), Refusal> {
        let body = self.body.as_deref().unwrap_or_default();
        if body.is_empty() && self.media.is_empty() {
            return Err(Refusal::coded(21602));
        }
        if body.encode_utf16().count() > BODY_LIMIT {
            return Err(Refusal::coded(21617));
        }
        if self.media.len() > MEDIA_LIMIT {
            return Err(Refusal::coded(21623));
        }
        if self.media.iter().any(|url| public_url(url).is_none()) {
            return Err(Refusal::coded(21620));
        }
        Ok(())
    }

    fn check_delivery(&self) -> Result<(), Refusal> {
        if self.callback.as_deref().is_some_and(|url| !is_callback(url)) {
            return Err(Refusal::coded(21609));
        }
        let validity = self.validity.as_deref().map(|seconds| seconds.parse::<u32>());
        if validity.is_some_and(|seconds| !seconds.is_ok_and(|seconds| VALIDITY.contains(&seconds))) {
            return Err(Refusal::coded(21624));
        }
        if self.smart_encoded.as_deref().is_some_and(|given| !matches!(given, "true" | "false")) {
            return Err(Refusal::bad(20001, "SmartEncoded must be true or false"));
        }
        Ok(())
    }

    /// The message, sent from one of the account's lines.
    pub(super) fn draft(self, lines: &[Arc<Line>], provider_id: String) -> Result<Draft, Refusal> {
        let line = self.sender(lines)?;
        let reference = self.callback.as_deref().and_then(first_query_value);
        Ok(Draft {
            account: Arc::clone(&line.account),
            provider_id,
            from: line.number.clone(),
            to: self.to.unwrap_or_default(),
            text: self.body.unwrap_or_default(),
            media: self.media,
            request: serde_json::Value::Null,
            reference,
            callback: self.callback,
            status: if self.service.is_some() { "accepted" } else { "queued" },
            pool: self.service,
        })
    }

    fn sender<'a>(&self, lines: &'a [Arc<Line>]) -> Result<&'a Line, Refusal> {
        if self.from.is_none() && self.service.is_none() {
            return Err(Refusal::coded(21603));
        }
        if self.service.is_some() && !lines.iter().any(|line| line.service == self.service) {
            return Err(Refusal::coded(21701));
        }
        let is_sender = |line: &&Arc<Line>| {
            self.from.as_ref().is_none_or(|from| *from == line.number)
                && (self.service.is_none() || line.service == self.service)
        };
        lines.iter().find(is_sender).map(|line| &**line).ok_or_else(|| Refusal::coded(21606))
    }
}

fn is_e164(number: &str) -> bool {
    let Some(digits) = number.strip_prefix('+') else { return false };
    let is_long_enough = (7..=15).contains(&digits.len());
    is_long_enough && !digits.starts_with('0') && digits.bytes().all(|digit| digit.is_ascii_digit())
}

fn public_url(given: &str) -> Option<Url> {
    let url = Url::parse(given).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// Twilio calls no host with an underscore in its name.
fn is_callback(given: &str) -> bool {
    let named = public_url(given).is_some_and(|url| url.host_str().is_some_and(|host| !host.contains('_')));
    named && given.chars().count() <= CALLBACK_LIMIT
}

/// Twilio echoes nothing but the callback's own URL, so the gateway's reference is what its query says.
fn first_query_value(url: &str) -> Option<String> {
    Url::parse(url).ok()?.query_pairs().next().map(|(_, value)| value.into_owned())
}

/// What a list of messages is narrowed to.
#[derive(Debug, PartialEq)]
pub(super) struct Listing {
    to: Option<String>,
    from: Option<String>,
    sent_from: Option<String>,
    sent_to: Option<String>,
    pub(super) page: usize,
    pub(super) page_size: usize,
}

impl Listing {
    /// Reads the query. `DateSent>=2026-01-31` arrives as a parameter named `DateSent>`.
    pub(super) fn parse(query: &str) -> Result<Listing, Refusal> {
        let mut listing =
            Listing { to: None, from: None, sent_from: None, sent_to: None, page: 0, page_size: PAGE_SIZE };
        for (name, value) in form_urlencoded::parse(query.as_bytes()).into_owned() {
            match name.as_str() {
                "To" => listing.to = Some(value),
                "From" => listing.from = Some(value),
                "DateSent" => {
                    listing.sent_from = Some(value.clone());
                    listing.sent_to = Some(value);
                }
                "DateSent>" => listing.sent_from = Some(value),
                "DateSent<" => listing.sent_to = Some(value),
                "Page" => listing.page = number(&name, &value, usize::MAX / PAGE_SIZE_LIMIT)?,
                "PageSize" => listing.page_size = number(&name, &value, PAGE_SIZE_LIMIT)?.max(1),
                _ => {
                    return Err(Refusal::bad(
                        20001,
                        format!("the simulator does not know the parameter {name}"),
                    ));
                }
            }
        }
        Ok(listing)
    }

    /// Whether a message is on the list. Days compare as they are written, as Twilio reads them in UTC.
    pub(super) fn wants(&self, sent: &Sent) -> bool {
        let is =
            |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
        if !is(&self.to, &sent.draft.to) || !is(&self.from, &sent.draft.from) {
            return false;
        }
        if self.sent_from.is_none() && self.sent_to.is_none() {
            return true;
        }
        let day = sent.at.strftime("%Y-%m-%d").to_string();
        let day_of = |moment: &String| moment.chars().take(day.len()).collect::<String>();
        self.sent_from.as_ref().is_none_or(|from| day_of(from) <= day)
            && self.sent_to.as_ref().is_none_or(|to| day <= day_of(to))
    }

    /// How many messages earlier pages hold.
    pub(super) fn skipped(&self) -> usize {
        self.page * self.page_size
    }
}

fn number(name: &str, value: &str, limit: usize) -> Result<usize, Refusal> {
    let number = value.parse().ok().filter(|number| *number <= limit);
    number.ok_or_else(|| Refusal::bad(20001, format!("{name} must be a number up to {limit}")))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use serde_json::{Map, json};

    use super::*;
    use crate::sim::Account;
    use crate::sim::places::Place;

    fn line(settings: serde_json::Value) -> Arc<Line> {
        let mut all = json!({"accountSid": "AC01", "authToken": "fake-auth-token"});
        let all: &mut Map<_, _> = all.as_object_mut().expect("object");
        all.extend(settings.as_object().expect("object").clone());
        let account = Account {
            kind: "twilio".into(),
            integration_id: "i1".into(),
            hook_url: "http://gateway.example/hooks/twilio/i1".into(),
            settings: all.clone(),
        };
        Arc::new(Line::new(&Arc::new(account)).expect("a complete line"))
    }

    fn send(form: &[(&str, &str)]) -> Result<Draft, Refusal> {
        let lines =
            [line(json!({"phoneNumber": "+15145550100"})), line(json!({"messagingServiceSid": "MG01"}))];
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, kind);
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        order(&headers, body.as_bytes())?.draft(&lines, "SM01".into())
    }

    const GOOD: [(&str, &str); 3] = [("To", "+15145550111"), ("From", "+15145550100"), ("Body", "hi")];

    /// The good form with one parameter replaced, added or (empty) left out.
    fn with(name: &str, value: &str) -> u32 {
        let mut form: Vec<_> = GOOD.into_iter().filter(|(key, _)| *key != name).collect();
        if !value.is_empty() {
            form.push((name, value));
        }
        send(&form).map_or_else(|refusal| refusal.code(), |_| 0)
    }

    #[test]
    fn a_good_send_is_taken() {
        let draft = send(&GOOD).expect("taken");
        assert_eq!((draft.from.as_str(), draft.status), ("+15145550100", "queued"));
    }

    #[test]
    fn each_mistake_has_its_code() {
        for (name, value, code) in [
            ("To", "", 21604),
            ("To", "15145550111", 21211),
            ("To", "+0145550111", 21211),
            ("To", "+1514555011122334", 21211),
            ("To", "+15145550100", 21266),
            ("From", "", 21603),
            ("From", "+15145550199", 21606),
            ("MessagingServiceSid", "MG99", 21701),
            ("Body", "", 21602),
            ("Body", &"a".repeat(1601), 21617),
            ("Body", &"👍".repeat(801), 21617),
            ("Body", &"👍".repeat(800), 0),
            ("MediaUrl", "/relative.png", 21620),
            ("MediaUrl", "ftp://files.example/a.png", 21620),
            ("MediaUrl", "https://files.example/a.png", 0),
            ("StatusCallback", "gateway.example/hook", 21609),
            ("StatusCallback", "https://my_host.example/hook", 21609),
            ("StatusCallback", "https://gateway.example/hook?hg=1", 0),
            ("ValidityPeriod", "36001", 21624),
            ("ValidityPeriod", "14400", 0),
            ("SmartEncoded", "yes", 20001),
            ("Bodi", "hi", 20001),
        ] {
            assert_eq!(with(name, value), code, "{name}={}", value.chars().take(40).collect::<String>());
        }
    }

    #[test]
    fn lists_are_bounded_and_nothing_else_repeats() {
        let mut form = GOOD.to_vec();
        form.extend([("MediaUrl", "https://files.example/a.png"); 11]);
        assert_eq!(send(&form).map_or_else(|refusal| refusal.code(), |_| 0), 21623);
        let twice = [GOOD.as_slice(), &[("Body", "ho")]].concat();
        assert_eq!(send(&twice).map_or_else(|refusal| refusal.code(), |_| 0), 20001);
    }

    #[test]
    fn a_service_sends_from_its_pool() {
        let draft = send(&[("To", "+15145550111"), ("MessagingServiceSid", "MG01"), ("Body", "hi")]);
        let draft = draft.expect("taken");
        assert_eq!((draft.pool.as_deref(), draft.status), (Some("MG01"), "accepted"));
        assert!(draft.from.starts_with("+1500555"), "{}", draft.from);
    }

    #[test]
    fn a_body_that_is_no_form_is_refused() {
        assert_eq!(order(&HeaderMap::new(), b"{}").expect_err("refused").code(), 20001);
    }

    #[test]
    fn listings_are_read_from_the_query() {
        let listing = Listing::parse("To=%2B15145550111&DateSent>=2026-01-31&PageSize=20&Page=2");
        let listing = listing.expect("a listing");
        assert_eq!(listing.sent_from.as_deref(), Some("2026-01-31"));
        assert_eq!(listing.skipped(), 40);
        assert!(Listing::parse("PageSize=1001").is_err());
        assert!(Listing::parse("Status=sent").is_err());
    }
}
