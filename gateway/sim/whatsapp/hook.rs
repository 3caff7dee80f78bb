//! The hooks Meta posts about WhatsApp. Pure.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Line;
use crate::sim::{
    outbox::Sent,
    provider::{Media, Report, Written},
};

/// The id WhatsApp knows a number by: its digits, in Brazil without the ninth that mobile numbers were given later.
/// `None` for a person who shows no number.
pub(super) fn wa_id(address: &str) -> Option<String> {
    let digits = address.strip_prefix('+')?;
    let is_mobile = digits.len() == 13 && digits.starts_with("55") && digits[4..].starts_with('9');
    let has_old_account = is_mobile && digits[2..4] >= *"31";
    Some(if has_old_account { format!("{}{}", &digits[..4], &digits[5..]) } else { digits.to_owned() })
}

/// The envelope of everything about one number.
fn envelope(line: &Line, mut value: Value) -> Value {
    value["messaging_product"] = "whatsapp".into();
    value["metadata"] = json!({
        "display_phone_number": line.number.trim_start_matches('+'), "phone_number_id": line.number_id,
    });
    let change = json!({"value": value, "field": "messages"});
    json!({"object": "whatsapp_business_account", "entry": [{"id": line.business, "changes": [change]}]})
}

/// A file that came along, as Meta holds it.
pub(super) struct HeldFile<'a> {
    pub(super) id: String,
    pub(super) sha256: String,
    pub(super) media: &'a Media,
}

/// What a person wrote.
pub(super) fn written(line: &Line, written: &Written, file: Option<HeldFile<'_>>) -> Result<Value, String> {
    let mut contact = json!({"profile": {"name": written.name.as_deref().unwrap_or("Simulated person")}});
    let mut message = json!({
        "id": written.provider_id, "timestamp": Timestamp::now().as_second().to_string(),
    });
    let address = written.from.as_str();
    let owned;
    let (in_contact, in_message, id) = match wa_id(address) {
        Some(number) => {
            owned = number;
            ("wa_id", "from", owned.as_str())
        }
        None if address.contains('.') => ("user_id", "from_user_id", address),
        None => return Err("from must be a number with its plus, or a business-scoped id".into()),
    };
    contact[in_contact] = id.into();
    message[in_message] = id.into();
    let (kind, content) = content(written, file);
    message["type"] = kind.into();
    message[kind] = content;
    if let Some(quoted) = &written.answers {
        message["context"] = json!({"from": line.number.trim_start_matches('+'), "id": quoted});
    }
    Ok(envelope(line, json!({"contacts": [contact], "messages": [message]})))
}

fn content(written: &Written, file: Option<HeldFile<'_>>) -> (&'static str, Value) {
    if let Some(payload) = &written.payload {
        let reply = json!({"id": payload, "title": written.text});
        return ("interactive", json!({"type": "button_reply", "button_reply": reply}));
    }
    let Some(HeldFile { id, sha256, media }) = file else { return ("text", json!({ "body": written.text })) };
    let mut object = json!({"id": id, "mime_type": media.kind, "sha256": sha256});
    let kind = match media.kind.split(['/', ';']).next() {
        Some("image") => "image",
        Some("video") => "video",
        Some("audio") => "audio",
        _ => "document",
    };
    if kind == "document" {
        object["filename"] = media.url.rsplit('/').next().unwrap_or("file").into();
    }
    if kind == "audio" {
        object["voice"] = true.into();
    } else if !written.text.is_empty() {
        object["caption"] = written.text.as_str().into();
    }
    (kind, object)
}

/// What became of a message. `conversation` is no longer told; what it costs is, with the first two reports.
pub(super) fn receipt(line: &Line, sent: &Sent, report: &Report) -> Value {
    let mut status = json!({
        "id": sent.draft.provider_id, "status": report.status,
        "timestamp": Timestamp::now().as_second().to_string(),
    });
    match wa_id(&sent.draft.to) {
        Some(number) => status["recipient_id"] = number.into(),
        None => status["recipient_user_id"] = sent.draft.to.as_str().into(),
    }
    if let Some(reference) = &sent.draft.reference {
        status["biz_opaque_callback_data"] = reference.as_str().into();
    }
    if matches!(report.status.as_str(), "sent" | "delivered") {
        status["pricing"] =
            json!({"billable": true, "pricing_model": "PMP", "type": "regular", "category": "utility"});
    }
    if let Some(code) = &report.error {
        let title = match code.to_json().as_i64() {
            Some(131026) => "Message undeliverable",
            Some(131047) => "Re-engagement message",
            _ => "Error asked for by a rule of the simulator.",
        };
        status["errors"] = json!([{
            "code": code.to_json(), "title": title, "message": title, "error_data": {"details": title},
        }]);
    }
    envelope(line, json!({ "statuses": [status] }))
}

#[cfg(test)]
mod tests {
    use super::wa_id;

    #[test]
    fn brazil_is_known_by_its_old_numbers() {
        for (address, id) in [
            ("+5551981234567", Some("555181234567")),
            ("+5511981234567", Some("5511981234567")),
            ("+15145550199", Some("15145550199")),
            ("CA.1349", None),
        ] {
            assert_eq!(wa_id(address).as_deref(), id);
        }
    }
}
