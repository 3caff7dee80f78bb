//! The events Meta posts to the gateway about one page. Pure but for the time a receipt is made.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::sim::{
    outbox::Sent,
    provider::{Media, Report, Written},
};

/// One event in its envelope.
fn enveloped(page_id: &str, at: i64, event: Value) -> Value {
    json!({"object": "page", "entry": [{"id": page_id, "time": at, "messaging": [event]}]})
}

/// What a person wrote or pressed.
pub(super) fn written(page_id: &str, written: &Written, at: i64) -> Result<Value, String> {
    let mut event = json!({"sender": {"id": written.from}, "recipient": {"id": page_id}, "timestamp": at});
    match &written.payload {
        Some(payload) if written.text.is_empty() => {
            event["postback"] = json!({"mid": written.provider_id, "title": payload, "payload": payload});
        }
        _ => event["message"] = message(written)?,
    }
    Ok(enveloped(page_id, at, event))
}

fn message(written: &Written) -> Result<Value, String> {
    if written.text.is_empty() && written.media.is_empty() {
        return Err("a message needs a text, media or a payload".into());
    }
    let mut message = json!({"mid": written.provider_id});
    if !written.text.is_empty() {
        message["text"] = written.text.as_str().into();
    }
    if let Some(payload) = &written.payload {
        message["quick_reply"] = json!({"payload": payload});
    }
    if let Some(answered) = &written.answers {
        message["reply_to"] = json!({"mid": answered, "is_self_reply": false});
    }
    if !written.media.is_empty() {
        message["attachments"] = written.media.iter().map(attachment).collect();
    }
    Ok(message)
}

fn attachment(media: &Media) -> Value {
    let kind = ["image", "audio", "video"].into_iter().find(|kind| media.kind.starts_with(kind));
    let kind = kind.unwrap_or("file");
    json!({"type": kind, "payload": {"url": media.url}})
}

/// What Meta says about a message of the page; `None` for words it does not have.
pub(super) fn receipt(page_id: &str, app_id: &str, sent: &Sent, report: &Report) -> Option<Value> {
    let progress = sent.progress();
    // A receipt told again speaks of the same moment.
    let is_again = progress.status == report.status;
    let now = if is_again { progress.changed_at } else { Timestamp::now() }.as_millisecond();
    let draft = &sent.draft;
    let by_person = |kind: &str, said: Value| json!({"sender": {"id": draft.to}, "recipient": {"id": page_id}, "timestamp": now, kind: said});
    let event = match report.status.as_str() {
        "echo" => json!({
            "sender": {"id": page_id}, "recipient": {"id": draft.to}, "timestamp": sent.at.as_millisecond(),
            "message": echo(app_id, sent),
        }),
        "delivered" => by_person("delivery", json!({"mids": [draft.provider_id], "watermark": now})),
        "reached" => by_person("delivery", json!({"watermark": now})),
        "read" => by_person("read", json!({"watermark": now})),
        _ => return None,
    };
    Some(enveloped(page_id, now, event))
}

/// The message itself, with what went along with it.
fn echo(app_id: &str, sent: &Sent) -> Value {
    let app_id = app_id.parse::<u64>().map_or_else(|_| Value::from(app_id), Value::from);
    let mut echo = json!({"mid": sent.draft.provider_id, "is_echo": true, "app_id": app_id});
    let asked = &sent.draft.request["message"];
    for field in ["metadata", "text"] {
        if asked[field].is_string() {
            echo[field] = asked[field].clone();
        }
    }
    if asked["attachment"].is_object() {
        echo["attachments"] = json!([asked["attachment"]]);
    }
    echo
}
