//! Checks the gateway's sends as strictly as MessageBird, and here and there more. Pure.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};
use url::Url;

use super::{Line, answer::Refusal};
use crate::sim::{
    outbox::{Draft, Sent},
    sms,
};

/// Segments per message: 1377 characters of the GSM alphabet, or 603 of UTF-16.
const SEGMENT_LIMIT: usize = 9;

/// Characters of a reference.
const REFERENCE_LIMIT: usize = 128;

/// The key after the scheme's name.
pub(super) fn access_key(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("AccessKey ")
}

/// Reads and checks a send from one of the account's lines.
pub(super) fn draft(
    headers: &HeaderMap,
    body: &[u8],
    lines: &[Arc<Line>],
    provider_id: String,
) -> Result<Draft, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("application/json") {
        return Err(Refusal::bad("the simulator takes application/json only"));
    }
    let order: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| Refusal::bad("the body is no JSON object"))?;
    check_names(&order)?;
    let line = sender(&order, lines)?;
    let to = recipient(&order)?;
    let text = text(&order)?;
    let reference = reference(&order)?;
    // Without a reference there is no report at all, wherever it might go.
    let callback = report_url(&order)?.or_else(|| Some(line.account.hook_url.clone()));
    Ok(Draft {
        account: Arc::clone(&line.account),
        provider_id,
        to: format!("+{to}"),
        from: line.originator.clone(),
        text,
        media: Vec::new(),
        request: Value::Null,
        callback: callback.filter(|_| reference.is_some()),
        reference,
        pool: None,
        status: "sent",
    })
}

/// MessageBird ignores parameters it does not know. The simulator refuses them, and those whose effect it does
/// not play, because each would be a mistake of ours.
fn check_names(order: &Map<String, Value>) -> Result<(), Refusal> {
    const KNOWN: [&str; 7] =
        ["originator", "recipients", "body", "type", "datacoding", "reference", "reportUrl"];
    match order.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        Some(name) => Err(Refusal::parameter(name, "the simulator does not know this parameter")),
        None => Ok(()),
    }
}

/// A parameter that is a text; missing where it is null, as MessageBird's own clients send it.
fn optional<'a>(order: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Refusal> {
    match order.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::parameter(name, "must be a string")),
    }
}

fn sender<'a>(order: &Map<String, Value>, lines: &'a [Arc<Line>]) -> Result<&'a Line, Refusal> {
    let given = optional(order, "originator")?.unwrap_or_default();
    let line = lines.iter().find(|line| line.originator == given);
    line.map(|line| &**line)
        .ok_or_else(|| Refusal::parameter("originator", "originator is not one of this account"))
}

/// One recipient only: a message to several would have one id for many deliveries.
fn recipient(order: &Map<String, Value>) -> Result<String, Refusal> {
    let number = match order.get("recipients").and_then(Value::as_array).map(Vec::as_slice) {
        Some([Value::String(number)]) => number.clone(),
        Some([Value::Number(number)]) => number.to_string(),
        Some([_, _, ..]) => return Err(Refusal::recipient("the simulator takes one recipient at a time")),
        _ => return Err(Refusal::recipient("no (correct) recipients found")),
    };
    let is_digits = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
    if is_digits && (7..=15).contains(&number.len()) {
        Ok(number)
    } else {
        Err(Refusal::recipient("no (correct) recipients found"))
    }
}

fn text(order: &Map<String, Value>) -> Result<String, Refusal> {
    if optional(order, "type")?.is_some_and(|kind| kind != "sms") {
        return Err(Refusal::parameter("type", "the simulator sends the type sms only"));
    }
    let text = optional(order, "body")?.unwrap_or_default();
    if text.is_empty() {
        return Err(Refusal::parameter("body", "body is required"));
    }
    if sms::segments(text) > SEGMENT_LIMIT {
        return Err(Refusal::parameter("body", "body is too long"));
    }
    match optional(order, "datacoding")?.unwrap_or("plain") {
        "auto" | "unicode" => Ok(text.to_owned()),
        "plain" if sms::is_gsm(text) => Ok(text.to_owned()),
        "plain" => Err(Refusal::parameter("datacoding", "plain would lose characters of this body")),
        _ => Err(Refusal::parameter("datacoding", "must be plain, unicode or auto")),
    }
}

fn reference(order: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    let reference = optional(order, "reference")?.filter(|reference| !reference.is_empty());
    match reference {
        Some(given) if given.chars().count() > REFERENCE_LIMIT => {
            Err(Refusal::parameter("reference", "reference is too long"))
        }
        other => Ok(other.map(str::to_owned)),
    }
}

fn report_url(order: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    let Some(given) = optional(order, "reportUrl")? else { return Ok(None) };
    let url = Url::parse(given).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    match url {
        // A fragment never leaves the caller, so the gateway could not have it signed.
        Some(url) if url.fragment().is_none() => Ok(Some(given.to_owned())),
        _ => Err(Refusal::parameter("reportUrl", "reportUrl is not a valid URL")),
    }
}

/// Which messages are asked for.
#[derive(Debug, Default)]
pub(super) struct Listing {
    reference: Option<String>,
    recipient: Option<String>,
}

impl Listing {
    /// Reads the query.
    pub(super) fn parse(query: &str) -> Result<Listing, Refusal> {
        let mut listing = Listing::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()).into_owned() {
            match name.as_str() {
                "reference" => listing.reference = Some(value),
                "recipient" => listing.recipient = Some(value),
                _ => return Err(Refusal::parameter(&name, "the simulator does not know this parameter")),
            }
        }
        Ok(listing)
    }

    /// Whether a message is on the list.
    pub(super) fn wants(&self, sent: &Sent) -> bool {
        let is_to = |wanted: &String| sent.draft.to.trim_start_matches('+') == *wanted;
        (self.reference.is_none() || self.reference == sent.draft.reference)
            && self.recipient.as_ref().is_none_or(is_to)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use serde_json::json;

    use super::*;
    use crate::sim::Account;
    use crate::sim::places::Place;

    fn line(originator: &str) -> Arc<Line> {
        let settings = json!({"accessKey": "fake-access-key", "originator": originator});
        let account = Account {
            kind: "messagebird".into(),
            integration_id: originator.into(),
            hook_url: "http://gateway.example/hooks/messagebird/i1".into(),
            settings: settings.as_object().expect("object").clone(),
        };
        Arc::new(Line::new(&Arc::new(account)).expect("a complete line"))
    }

    fn send(order: &Value) -> Result<Draft, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let lines = [line("Pigeons"), line("+1 514 555 0100")];
        draft(&headers, order.to_string().as_bytes(), &lines, "m1".into())
    }

    fn good() -> Value {
        json!({
            "originator": "15145550100", "recipients": ["15145550111"], "body": "hi", "datacoding": "auto",
            "reference": "note-1", "reportUrl": "https://gateway.example/hook",
        })
    }

    #[test]
    fn a_good_send_is_taken() {
        let draft = send(&good()).expect("taken");
        assert_eq!((draft.to.as_str(), draft.from.as_str()), ("+15145550111", "15145550100"));
        assert_eq!(draft.account.integration_id, "+1 514 555 0100");
        assert_eq!(draft.reference.as_deref(), Some("note-1"));
        assert_eq!(draft.callback.as_deref(), Some("https://gateway.example/hook"));
    }

    #[test]
    fn reports_need_a_reference_and_no_address() {
        let mut order = good();
        order["reportUrl"] = Value::Null;
        let to_account = send(&order).expect("taken").callback;
        assert_eq!(to_account.as_deref(), Some("http://gateway.example/hooks/messagebird/i1"));
        order = good();
        order["reference"] = Value::Null;
        assert_eq!(send(&order).expect("taken").callback, None);
    }

    #[test]
    fn each_mistake_is_named() {
        for (name, value, told) in [
            ("originator", Value::Null, (422, 10, "originator")),
            ("originator", json!("15145550101"), (422, 10, "originator")),
            ("recipients", Value::Null, (422, 9, "recipient")),
            ("recipients", json!([]), (422, 9, "recipient")),
            ("recipients", json!(["+15145550111"]), (422, 9, "recipient")),
            ("recipients", json!(["15145550111", "15145550112"]), (422, 9, "recipient")),
            ("recipients", json!("15145550111"), (422, 9, "recipient")),
            ("body", Value::Null, (422, 10, "body")),
            ("body", json!(""), (422, 10, "body")),
            ("body", json!(7), (422, 10, "body")),
            ("body", json!("a".repeat(1378)), (422, 10, "body")),
            ("body", json!("ж".repeat(604)), (422, 10, "body")),
            ("type", json!("flash"), (422, 10, "type")),
            ("datacoding", json!("gsm"), (422, 10, "datacoding")),
            ("reference", json!("r".repeat(129)), (422, 10, "reference")),
            ("reportUrl", json!("gateway.example/hook"), (422, 10, "reportUrl")),
            ("validity", json!(60), (422, 10, "validity")),
            ("reporturl", json!("https://gateway.example/"), (422, 10, "reporturl")),
        ] {
            let mut order = good();
            order[name] = value.clone();
            let refusal = send(&order).map(|_| ()).expect_err(name);
            assert_eq!(refusal.told(), told, "{name}: {value}");
        }
    }

    #[test]
    fn what_is_at_the_limit_is_taken() {
        for (name, value) in [
            ("body", json!("a".repeat(1377))),
            ("body", json!("ж".repeat(603))),
            ("recipients", json!([15_145_550_111_u64])),
            ("originator", json!("Pigeons")),
            ("reference", json!("r".repeat(128))),
            ("type", json!("sms")),
        ] {
            let mut order = good();
            order[name] = value;
            assert!(send(&order).is_ok(), "{name}");
        }
    }

    #[test]
    fn plain_loses_nothing_unnoticed() {
        let mut order = good();
        order.as_object_mut().expect("object").remove("datacoding");
        assert!(send(&order).is_ok());
        order["body"] = json!("ça va");
        assert_eq!(send(&order).map(|_| ()).expect_err("refused").told(), (422, 10, "datacoding"));
    }

    #[test]
    fn a_body_that_is_no_json_is_refused() {
        let refused = |headers: &HeaderMap, body: &[u8]| {
            let refusal = draft(headers, body, &[line("Pigeons")], "m1".into()).map(|_| ());
            refusal.expect_err("refused").told().0
        };
        assert_eq!(refused(&HeaderMap::new(), good().to_string().as_bytes()), 400);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        assert_eq!(refused(&headers, b"[]"), 400);
    }
}
