//! WhatsApp's own message objects: buttons and lists made of platform content, and payloads that the caller wrote
//! in WhatsApp's words, templates above all. Pure.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/reference>.

use serde_json::{Map, Value, json};

use crate::channel::text::{self, Unit};
use crate::channel::{Action, ChannelError, Code, Item};

/// What the button says that opens a list of choices.
const LIST_BUTTON: &str = "Options";
/// The text of an interactive message.
const BODY_LIMIT: usize = 1024;
/// Rows of a list, over all its sections.
const ROWS_LIMIT: usize = 10;
/// The buttons of one message.
const BUTTONS_LIMIT: usize = 3;

/// What marks the id of a button that is a postback; other ids come back as the payload of what the person says.
pub(super) const POSTBACK: &str = "pb:";

fn within(text: &str, limit: usize) -> bool {
    !text.trim().is_empty() && Unit::Utf16.measure(text) <= limit
}

/// The buttons below a text as an `interactive` object; `None` where WhatsApp has no such button or has not enough
/// room for them.
pub(super) fn choices(text: &str, actions: &[Action]) -> Option<Value> {
    let shown: Vec<&Action> =
        actions.iter().filter(|action| !matches!(action, Action::Share { .. })).collect();
    match shown[..] {
        [] => None,
        [Action::LocationRequest { text: label, .. }] => {
            let body = if text.trim().is_empty() { label } else { text };
            let action = json!({"name": "send_location"});
            interactive("location_request_message", body, action)
        }
        [Action::Link { text: label, uri, .. } | Action::Webview { text: label, fallback: uri, .. }] => {
            let parameters = json!({"display_text": label, "url": uri});
            let fits = within(label, 20) && uri.starts_with("http");
            fits.then(|| interactive("cta_url", text, json!({"name": "cta_url", "parameters": parameters})))?
        }
        _ => buttons(text, &shown).or_else(|| rows(text, &shown)),
    }
}

fn interactive(kind: &str, body: &str, action: Value) -> Option<Value> {
    within(body, BODY_LIMIT).then(|| json!({"type": kind, "body": {"text": body}, "action": action}))
}

/// The id and the label of a button that comes back to us. An id may not begin or end with a space.
fn button(action: &Action, id_limit: usize, label_limit: usize) -> Option<(String, &str)> {
    let (id, label) = match action {
        Action::Reply { text, payload, .. } if !payload.starts_with(POSTBACK) => (payload.clone(), text),
        Action::Postback { text, payload, .. } => (format!("{POSTBACK}{payload}"), text),
        _ => return None,
    };
    let fits = within(&id, id_limit) && id.trim() == id && within(label, label_limit);
    fits.then_some((id, label))
}

fn buttons(text: &str, actions: &[&Action]) -> Option<Value> {
    let buttons: Vec<_> = actions.iter().map(|action| button(action, 256, 20)).collect::<Option<_>>()?;
    let labels = buttons.iter().map(|(_, label)| *label).collect();
    if buttons.len() > BUTTONS_LIMIT || !are_distinct(ids(&buttons)) || !are_distinct(labels) {
        return None;
    }
    let reply = |(id, label): &(String, &str)| json!({"type": "reply", "reply": {"id": id, "title": label}});
    interactive("button", text, json!({"buttons": buttons.iter().map(reply).collect::<Vec<_>>()}))
}

/// More choices than buttons fit, as the rows of a list.
fn rows(text: &str, actions: &[&Action]) -> Option<Value> {
    let rows: Vec<_> = actions.iter().map(|action| button(action, 200, 24)).collect::<Option<_>>()?;
    if rows.len() > ROWS_LIMIT || !are_distinct(ids(&rows)) {
        return None;
    }
    let rows: Vec<Value> = rows.iter().map(|(id, label)| json!({"id": id, "title": label})).collect();
    interactive("list", text, json!({"button": LIST_BUTTON, "sections": [{"rows": rows}]}))
}

/// A list whose items' buttons all come back to us: a section for each item, a row for each of its buttons. The text
/// above it is what the list reads like elsewhere, since rows have little room.
pub(super) fn list(items: &[Item]) -> Option<Value> {
    let mut all = Vec::new();
    let mut sections = Vec::new();
    for item in items {
        let actions = item.actions.iter().filter(|action| !matches!(action, Action::Share { .. }));
        let buttons: Vec<_> = actions.map(|action| button(action, 200, 24)).collect::<Option<_>>()?;
        if buttons.is_empty() || !within(&item.title, 24) {
            return None;
        }
        let description = item.description.as_deref().filter(|description| within(description, 72));
        let row = |(id, label): &(String, &str)| match description {
            Some(description) => json!({"id": id, "title": label, "description": description}),
            None => json!({"id": id, "title": label}),
        };
        sections.push(json!({"title": item.title, "rows": buttons.iter().map(row).collect::<Vec<_>>()}));
        all.extend(buttons);
    }
    if all.len() > ROWS_LIMIT || !are_distinct(ids(&all)) {
        return None;
    }
    interactive("list", text::items(items).trim_end(), json!({"button": LIST_BUTTON, "sections": sections}))
}

fn ids<'a>(buttons: &'a [(String, &str)]) -> Vec<&'a str> {
    buttons.iter().map(|(id, _)| id.as_str()).collect()
}

fn are_distinct(mut texts: Vec<&str>) -> bool {
    let all = texts.len();
    texts.sort_unstable();
    texts.dedup();
    texts.len() == all
}

/// The kinds of message that a payload may hold, under their own key.
const KINDS: &[&str] = &[
    "text",
    "image",
    "video",
    "audio",
    "document",
    "sticker",
    "location",
    "contacts",
    "reaction",
    "interactive",
    "template",
];
/// Keys that may stand beside it.
const BESIDE: &[&str] = &["type", "context", "recipient_identity_key_hash"];
/// Keys that are ours to say; callers of older gateways write them too.
const OURS: &[&str] =
    &["messaging_product", "recipient_type", "to", "recipient", "biz_opaque_callback_data", "role"];

/// A payload in WhatsApp's own words, as far as it is the caller's to say.
pub(super) fn payload(
    schema: &str,
    message: &Value,
    language: &str,
) -> Result<Map<String, Value>, ChannelError> {
    if schema != "whatsapp" {
        return Err(ChannelError::unsupported(schema));
    }
    let refuse = |why: String| Err(ChannelError::permanent(Code::BadRequest, why));
    let Value::Object(given) = message else { return refuse("the message is no object".into()) };
    let mut payload = given.clone();
    payload.retain(|key, _| !OURS.contains(&key.as_str()));
    from_legacy(&mut payload);
    let held: Vec<&String> = payload.keys().filter(|key| !BESIDE.contains(&key.as_str())).collect();
    if let Some(unknown) = held.iter().find(|key| !KINDS.contains(&key.as_str())) {
        return refuse(format!("`{unknown}` is no part of a WhatsApp message"));
    }
    let [kind] = held[..] else {
        return refuse(format!("the message must hold exactly one of {}", KINDS.join(", ")));
    };
    let kind = kind.clone();
    match payload.get("type") {
        Some(Value::String(said)) if *said == kind => {}
        None => {
            payload.insert("type".into(), kind.clone().into());
        }
        Some(said) => return refuse(format!("the message says type {said} and holds `{kind}`")),
    }
    if let Some(template) = payload.get_mut("template") {
        without_namespace(template);
        if let Value::Object(template) = template {
            template.entry("language").or_insert_with(|| json!({ "code": language }));
        }
    }
    Ok(payload)
}

/// `namespace` belongs to the on-premises API; the Cloud API refuses keys that it does not know.
fn without_namespace(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("namespace");
            members.values_mut().for_each(without_namespace);
        }
        Value::Array(elements) => elements.iter_mut().for_each(without_namespace),
        _ => {}
    }
}

/// A template in the words of the on-premises API (`hsm`), which old callers still use, in those of today.
fn from_legacy(payload: &mut Map<String, Value>) {
    let Some(Value::Object(hsm)) = payload.remove("hsm") else { return };
    if payload.get("type").is_some_and(|kind| kind == "hsm") {
        payload.remove("type");
    }
    let mut template = Map::new();
    template.insert("name".into(), hsm.get("element_name").cloned().unwrap_or_default());
    if let Some(code) = hsm.get("language").and_then(|language| language.get("code")) {
        template.insert("language".into(), json!({ "code": code }));
    }
    let parameters =
        hsm.get("localizable_params").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let texts: Vec<Value> = parameters
        .iter()
        .map(|parameter| json!({"type": "text", "text": parameter.get("default").cloned().unwrap_or_default()}))
        .collect();
    if !texts.is_empty() {
        template.insert("components".into(), json!([{"type": "body", "parameters": texts}]));
    }
    payload.insert("template".into(), Value::Object(template));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(value: Value) -> Vec<Action> {
        serde_json::from_value(value).expect("actions")
    }

    fn reply(text: &str, payload: &str) -> Value {
        json!({"_id": "a", "type": "reply", "text": text, "payload": payload})
    }

    fn kind(text: &str, given: Value) -> Option<String> {
        choices(text, &actions(given))?["type"].as_str().map(str::to_owned)
    }

    #[test]
    fn what_does_not_fit_is_no_button() {
        let link = |uri: &str| json!({"_id": "b", "type": "link", "text": "Open", "uri": uri});
        for (text, given, expected) in [
            ("Well?", json!([reply("Yes", "y"), reply("No", "n")]), Some("button")),
            ("Well?", json!([reply("Yes", "y"), {"_id": "s", "type": "share"}]), Some("button")),
            ("Well?", json!([reply("One and twenty letters", "y")]), Some("list")),
            ("Well?", json!([reply("Five and twenty letters in", "y")]), None),
            ("Well?", json!([reply("Yes", "y"), reply("Yes", "z")]), Some("list")),
            ("Well?", json!([reply("Yes", "y"), reply("No", "y")]), None),
            ("Well?", json!([reply("Yes", " y")]), None),
            ("Well?", json!([reply("Yes", "")]), None),
            ("Well?", json!([reply("Yes", "pb:y")]), None),
            ("Well?", json!([reply("Yes", "y"), link("https://example.com")]), None),
            ("", json!([reply("Yes", "y")]), None),
            ("Well?", json!([link("https://example.com")]), Some("cta_url")),
            ("Well?", json!([link("tel:+15145550100")]), None),
            ("Well?", json!([{"_id": "s", "type": "share"}]), None),
        ] {
            assert_eq!(kind(text, given.clone()).as_deref(), expected, "{given}");
        }
        assert_eq!(kind(&"x".repeat(1025), json!([reply("Yes", "y")])), None);
    }

    #[test]
    fn a_payload_is_the_callers_but_for_what_is_ours() {
        let given = json!({"to": "15145550199", "messaging_product": "x", "type": "template", "template": {
            "namespace": "n", "name": "hi", "components": [{"type": "body", "namespace": "n", "parameters": []}]}});
        let payload = payload("whatsapp", &given, "pt_BR").expect("a payload");
        assert_eq!(
            Value::Object(payload),
            json!({"type": "template", "template": {"name": "hi", "language": {"code": "pt_BR"},
                   "components": [{"type": "body", "parameters": []}]}})
        );
    }

    #[test]
    fn a_payload_that_is_none_is_refused_by_name() {
        for (given, why) in [
            (json!([]), "the message is no object"),
            (json!({"text": {}, "colour": 1}), "`colour` is no part of a WhatsApp message"),
            (json!({"status": "read"}), "`status` is no part of a WhatsApp message"),
            (json!({"type": "image", "text": {}}), "the message says type \"image\" and holds `text`"),
        ] {
            assert_eq!(payload("whatsapp", &given, "en").expect_err("refused").detail, why);
        }
        assert!(payload("whatsapp", &json!({"type": "text"}), "en").is_err());
        assert!(payload("whatsapp", &json!({"text": {}, "image": {}}), "en").is_err());
    }

    #[test]
    fn an_old_template_becomes_a_new_one() {
        let given = json!({"type": "hsm", "hsm": {"namespace": "n", "element_name": "hi",
            "language": {"policy": "fallback", "code": "nl"}, "localizable_params": [{"default": "Ann"}]}});
        let payload = payload("whatsapp", &given, "en_US").expect("a payload");
        assert_eq!(
            Value::Object(payload),
            json!({"type": "template", "template": {"name": "hi", "language": {"code": "nl"},
                   "components": [{"type": "body", "parameters": [{"type": "text", "text": "Ann"}]}]}})
        );
    }
}
