//! Integrations as v2 shows them: channels, and a customer's own software.

use serde_json::{Map, Number, Value, json};

use crate::model::{Custom, Integration, IntegrationStatus, Webhook};
use crate::wire::v1;
use crate::wire::written::Written;

use super::webhook;

/// The types that strict clients know: one they do not know breaks a whole list for them.
pub const INTEGRATION_TYPES: [&str; 16] = [
    "android",
    "apple",
    "custom",
    "instagram",
    "ios",
    "line",
    "mailgun",
    "messagebird",
    "messenger",
    "telegram",
    "twilio",
    "twitter",
    "unity",
    "viber",
    "web",
    "whatsapp",
];

/// An integration. `shown` names the settings and facts that are no secrets; `hooks` is where its provider calls.
pub fn integration(integration: &Integration, shown: &[&str], hooks: &str) -> Value {
    let Integration { id, kind, display_name, facts, status, .. } = integration;
    let mut open = v1::shown_settings(integration, shown);
    adapt(kind, &mut open);
    let (word, error) = match status {
        IntegrationStatus::Active => ("active", None),
        IntegrationStatus::Inactive => ("inactive", None),
        IntegrationStatus::Error(reason) => ("error", Some(reason)),
    };
    Written::new()
        .with("id", id)
        .with("type", kind)
        .with("status", word)
        .maybe("displayName", display_name.as_ref().filter(|name| !name.is_empty()))
        .maybe("error", error)
        .and(Written::of(&open))
        .maybe("deploymentId", facts.get("deploymentId"))
        .with("hookUrl", hooks)
        .into()
}

/// What v2 writes otherwise than the channel has it.
fn adapt(kind: &str, open: &mut Map<String, Value>) {
    if kind == "whatsapp"
        && let Some(Value::String(number)) = open.get_mut("phoneNumber")
    {
        number.retain(|c| c.is_ascii_digit());
        number.insert(0, '+');
    }
    if kind == "messenger" {
        if let Some(name) = open.remove("name") {
            open.insert("pageName".to_owned(), name);
        }
        if let Some(page) = open.get_mut("pageId")
            && let Some(number) = page.as_str().and_then(|page| page.parse::<u64>().ok())
        {
            *page = Number::from(number).into();
        }
    }
}

/// A custom integration. Of its webhooks the first is shown: strict clients want exactly one.
pub fn custom(custom: &Custom, first: &Webhook) -> Value {
    Written::new()
        .with("id", &custom.id)
        .with("type", "custom")
        .with("status", "active")
        .maybe("displayName", custom.display_name.as_ref().filter(|name| !name.is_empty()))
        .with("webhooks", json!([webhook(first)]))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Id;

    fn made(kind: &str, settings: Value, facts: Value) -> Integration {
        let members = |value: Value| value.as_object().expect("an object").clone();
        let made = Integration::new(Id::new("i"), Id::new("a"), kind, members(settings));
        Integration { facts: members(facts), ..made }
    }

    #[test]
    fn numbers_are_as_v2_has_them() {
        let hooks = "https://hub.example.org/hooks/whatsapp/i";
        let facts = json!({"phoneNumber": "15145550100", "verifyToken": "fake-verify", "deploymentId": "d"});
        let whatsapp = made("whatsapp", json!({"accessToken": "fake-token", "accountId": "1"}), facts);
        assert_eq!(
            integration(&whatsapp, &["phoneNumber", "accountId"], hooks),
            json!({"id": "i", "type": "whatsapp", "status": "active", "phoneNumber": "+15145550100",
                   "accountId": "1", "deploymentId": "d", "hookUrl": hooks})
        );
        let messenger = made(
            "messenger",
            json!({"appId": "17"}),
            json!({"pageId": "123456789012345678", "name": "Shop"}),
        );
        assert_eq!(
            integration(&messenger, &["pageId", "name", "appId"], hooks),
            json!({"id": "i", "type": "messenger", "status": "active", "pageId": 123456789012345678_u64,
                   "pageName": "Shop", "appId": "17", "hookUrl": hooks})
        );
    }
}
