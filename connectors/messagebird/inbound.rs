//! From MessageBird: proven hooks read as events. Pure.
//!
//! <https://developers.messagebird.com/api/sms-messaging/>.

use http::header::CONTENT_TYPE;
use jiff::{Timestamp, civil, tz::Offset};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::{Originator, error};
use crate::channel::{
    Content, InboundEvent, InboundMessage, Malformed, MediaSource, Person, Receipt, Stage, Verified, phone,
};

/// Words that end the consent of a person when they are the whole message (US carriers and law name them, and
/// MessageBird passes them on without acting), and words that give it again. `YES` is none of them: it
/// answers our own questions.
const STOP_WORDS: &[&str] = &["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"];
const START_WORDS: &[&str] = &["START", "UNSTOP"];

/// Facts about the sender that become the client's `raw`.
const SENDER_FACTS: &[&str] = &["originator", "sender", "operator"];

/// What a proven hook says: a person's message, or the status of one of ours.
pub(super) fn parse(ours: &Originator, hook: &Verified) -> Result<Vec<InboundEvent>, Malformed> {
    let params = Params::of(hook)?;
    let status = params.get(&["status"]);
    if let Some(stage) =
        status.and_then(|status| stage(status, params.status_error(), params.get(&["statusreason"])))
    {
        return params.receipt(stage, status.unwrap_or_default());
    }
    let unrecognised = |kind: String| Ok(vec![InboundEvent::Unrecognised { kind }]);
    match (params.get(USER), status) {
        // One signing key signs for every number of the account: what was said to another one is not ours.
        (Some(_), _) if !params.is_to(ours) => unrecognised("message to another number".into()),
        (Some(from), _) => params.message(from),
        (None, Some(status)) => unrecognised(format!("status {status}")),
        (None, None) => unrecognised("neither status nor originator".into()),
    }
}

/// Numbers, short codes and Flow Builder each have their own names for the same thing.
const ID: &[&str] = &["id", "message_id", "mid"];
const USER: &[&str] = &["originator", "sender"];
const OURS: &[&str] = &["recipient", "receiver", "shortcode"];
const TEXT: &[&str] = &["body", "message"];
const TIME: &[&str] = &["createddatetime", "date_utc", "date", "receive_datetime"];
const MEDIA: &str = "mediaurls";

/// The parameters of one hook, their names in lower case.
struct Params(Vec<(String, String)>);

impl Params {
    /// Those of the body, JSON or a form, and then those of the URL: a GET has only the latter.
    fn of(hook: &Verified) -> Result<Params, Malformed> {
        let kind = hook.raw().header(CONTENT_TYPE.as_str()).unwrap_or_default().to_ascii_lowercase();
        let mut pairs = Vec::new();
        // Flow Builder sends the type that its operator wrote there, or none.
        if kind.contains("json") || hook.body().trim_ascii_start().starts_with(b"{") {
            let object: Map<String, Value> =
                serde_json::from_slice(hook.body()).map_err(|error| Malformed(error.to_string()))?;
            object.into_iter().for_each(|(name, value)| flatten(&mut pairs, name, value));
        } else {
            pairs.extend(form_urlencoded::parse(hook.body()).into_owned());
        }
        pairs.extend(hook.query());
        pairs.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
        Ok(Params(pairs))
    }

    /// The first value that is not empty under the first of these names that has one.
    fn get(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.all(name).next())
    }

    fn all<'a>(&'a self, wanted: &str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(name, value)| name == wanted && !value.is_empty());
        named.map(|(_, value)| value.as_str())
    }

    /// Whether we were written to. A name cannot be, so then there is nothing to compare.
    fn is_to(&self, ours: &Originator) -> bool {
        match (ours, self.get(OURS)) {
            (Originator::Number(number), Some(given)) => digits(given) == *number,
            _ => true,
        }
    }

    fn person(&self, number: &str) -> Person {
        let fact = |name: &&str| Some(((*name).to_owned(), Value::from(self.get(&[name])?)));
        let raw: Map<String, Value> = SENDER_FACTS.iter().filter_map(fact).collect();
        let raw = if raw.is_empty() { Value::Null } else { Value::Object(raw) };
        Person { raw, ..Person::at(address(number)) }
    }

    /// A person's message. Each of its files is a message of its own; the first carries the text.
    fn message(&self, from: &str) -> Result<Vec<InboundEvent>, Malformed> {
        let id = self.get(ID).ok_or_else(|| Malformed("no id".into()))?;
        let from = self.person(from);
        let text = self.get(TEXT);
        let at = self.get(TIME).and_then(moment);
        let mut contents: Vec<Content> = self.all(MEDIA).map(file).collect();
        match contents.first_mut() {
            Some(Content::Image { text: caption, .. } | Content::File { text: caption, .. }) => {
                *caption = text.map(str::to_owned);
            }
            _ => contents.push(Content::text(text.unwrap_or_default())),
        }
        let message = |(index, content): (usize, Content)| {
            let provider_id = if index == 0 { id.to_owned() } else { format!("{id}.{index}") };
            let media = match &content {
                Content::Image { media_url, .. } | Content::File { media_url, .. } => Some(media_url.clone()),
                _ => None,
            };
            let media = media.map(MediaSource::Held);
            InboundMessage { at, media, ..InboundMessage::new(provider_id, from.clone(), content) }.into()
        };
        let mut events: Vec<InboundEvent> = contents.into_iter().enumerate().map(message).collect();
        let word = text.unwrap_or_default().trim().to_ascii_uppercase();
        if STOP_WORDS.contains(&word.as_str()) {
            events.push(InboundEvent::OptOut { from });
        } else if START_WORDS.contains(&word.as_str()) {
            events.push(InboundEvent::OptIn { from });
        }
        Ok(events)
    }

    fn status_error(&self) -> Option<u64> {
        self.get(&["statuserrorcode"])?.parse().ok()
    }

    fn receipt(&self, stage: Stage, status: &str) -> Result<Vec<InboundEvent>, Malformed> {
        let text = |name| self.get(name).map(str::to_owned);
        let (reference, provider_id) = (text(&["reference"]), text(ID));
        if reference.is_none() && provider_id.is_none() {
            return Err(Malformed("neither reference nor id".into()));
        }
        let has_failed = matches!(stage, Stage::Failed(_));
        let receipt = Receipt { reference, provider_id, stage, status: status.to_owned() };
        let mut events = vec![InboundEvent::Receipt(receipt)];
        if let Some(recipient) = self.get(&["recipient"])
            && has_failed
            && self.status_error() == Some(error::OPTED_OUT)
        {
            events.push(InboundEvent::OptOut { from: Person::at(address(recipient)) });
        }
        Ok(events)
    }
}

/// How far a status says that a message of ours came; `None` for a status that is none.
pub(super) fn stage(status: &str, error: Option<u64>, reason: Option<&str>) -> Option<Stage> {
    Some(match status {
        "scheduled" | "sent" | "buffered" => Stage::Accepted,
        "delivered" => Stage::Delivered,
        "expired" | "delivery_failed" => Stage::Failed(error::undelivered(status, error, reason)),
        _ => return None,
    })
}

/// A member of a JSON body as a form would carry it; a list as a name that is repeated.
fn flatten(pairs: &mut Vec<(String, String)>, name: String, value: Value) {
    match value {
        Value::String(text) => pairs.push((name, text)),
        Value::Number(number) => pairs.push((name, number.to_string())),
        Value::Array(values) => {
            let texts = values.into_iter().filter_map(|value| value.as_str().map(str::to_owned));
            pairs.extend(texts.map(|text| (name.clone(), text)));
        }
        Value::Null | Value::Bool(_) | Value::Object(_) => {}
    }
}

fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

/// A person's number as the platform writes it. Short codes and words, which no one can write to, stay.
fn address(number: &str) -> String {
    let bare = number.trim().trim_start_matches('+');
    phone::e164(&format!("+{bare}")).unwrap_or_else(|_| bare.to_owned())
}

/// MessageBird names no types, so the ending of the address decides.
fn file(url: &str) -> Content {
    let path = url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let is_picture = [".jpg", ".jpeg", ".png", ".gif", ".webp"].iter().any(|ending| path.ends_with(ending));
    let (media_url, media_type) = (url.to_owned(), None);
    if is_picture {
        Content::Image { media_url, media_type, text: None, alt_text: None, actions: Vec::new() }
    } else {
        Content::File { media_url, media_type, text: None, alt_text: None }
    }
}

/// A moment in any of MessageBird's spellings: RFC 3339 (whose plus sign a query turns into a space), Unix
/// seconds, or `YYYYMMDDhhmmss` in UTC.
fn moment(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<i64>()
        && text.len() != "YYYYMMDDhhmmss".len()
    {
        return seconds.checked_mul(1000);
    }
    let compact = || civil::DateTime::strptime("%Y%m%d%H%M%S", text).ok();
    let at = text.replace(' ', "+").parse::<Timestamp>().ok();
    Some(at.or_else(|| Offset::UTC.to_timestamp(compact()?).ok())?.as_millisecond())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Method};
    use proptest::prelude::*;

    use super::*;
    use crate::channel::RawWebhook;

    fn parse_any(method: Method, url: &str, kind: &'static str, body: &[u8]) {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        let raw = RawWebhook::new(method, url.into(), headers, 0, Bytes::copy_from_slice(body));
        let ours = Originator::Number("15145550100".into());
        let _ = parse(&ours, &raw.trust_unsigned("a test of the parser alone"));
    }

    #[test]
    fn moments_are_read_in_every_spelling() {
        for (text, at) in [
            ("2016-05-03T14:26:57+00:00", Some(1_462_285_617_000)),
            ("2016-05-03T16:26:57 02:00", Some(1_462_285_617_000)),
            ("20160503142657", Some(1_462_285_617_000)),
            ("1462285617", Some(1_462_285_617_000)),
            ("yesterday", None),
            ("9223372036854775807", None),
        ] {
            assert_eq!(moment(text), at, "{text}");
        }
    }

    /// What Flow Builder forwards, with one byte changed.
    fn nearly_a_message() -> impl Strategy<Value = Vec<u8>> {
        let real = br#"{"id":"a1","recipient":"15145550100","originator":15145550199,"body":"\u00c7a va?",
            "date_utc":1795255198,"createdDatetime":"2026-11-21T09:59:58+00:00","mediaUrls":["https://a"]}"#;
        (0..real.len(), any::<u8>()).prop_map(|(place, byte)| {
            let mut body = real.to_vec();
            body[place] = byte;
            body
        })
    }

    proptest! {
        #[test]
        fn no_proven_bytes_panic(
            get in any::<bool>(),
            url in r"(https?://)?\PC{0,40}",
            kind in prop::sample::select(vec!["application/json", "text/html", ""]),
            body in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), nearly_a_message()],
        ) {
            parse_any(if get { Method::GET } else { Method::POST }, &url, kind, &body);
        }

        #[test]
        fn no_parameter_of_a_proven_hook_panics(
            values in prop::collection::vec((
                prop::sample::select(vec![
                    "id", "mid", "status", "statusErrorCode", "reference", "recipient", "originator", "body",
                    "mediaUrls", "createdDatetime", "date", "receive_datetime",
                ]),
                prop_oneof![r"[0-9]{1,20}", Just("delivery_failed".to_owned()), r"\PC{0,20}"],
            ), 0..12)
        ) {
            let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(&values).finish();
            parse_any(Method::GET, &format!("https://a.example.com/h?{form}"), "", b"");
            let object: Map<String, Value> =
                values.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
            parse_any(Method::POST, "https://a.example.com/h", "", Value::from(object).to_string().as_bytes());
        }
    }
}
