//! Integrations as v1.1 shows them: what the channel shows of its settings, and never a secret.

use serde_json::{Map, Value};

use crate::model::{Integration, IntegrationStatus};
use crate::wire::written::Written;

/// An integration. `shown` names the settings and facts that are no secrets; `hooks` is where its provider calls.
pub fn integration(integration: &Integration, shown: &[&str], hooks: &str) -> Value {
    let Integration { id, kind, display_name, facts, status, .. } = integration;
    let mut open = shown_settings(integration, shown);
    // Of WhatsApp's numbers v1.1 shows the digits alone.
    if kind == "whatsapp"
        && let Some(Value::String(number)) = open.get_mut("phoneNumber")
    {
        number.retain(|c| c.is_ascii_digit());
    }
    let (word, error) = match status {
        IntegrationStatus::Active => ("active", None),
        IntegrationStatus::Inactive => ("inactive", None),
        IntegrationStatus::Error(reason) => ("error", Some(reason)),
    };
    Written::new()
        .with("_id", id)
        .with("type", kind)
        .maybe("displayName", display_name.as_ref())
        .with("status", word)
        .maybe("error", error)
        .and(Written::of(&open))
        .maybe("deploymentId", facts.get("deploymentId"))
        .with("hookUrl", hooks)
        .into()
}

/// The settings and facts of an integration that are shown.
pub(in crate::wire) fn shown_settings(integration: &Integration, shown: &[&str]) -> Map<String, Value> {
    let Integration { settings, facts, .. } = integration;
    // The provider knows better.
    let value = |name: &str| facts.get(name).or_else(|| settings.get(name)).cloned();
    shown.iter().filter_map(|name| Some(((*name).to_owned(), value(name)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Id;
    use serde_json::json;

    #[test]
    fn what_is_not_named_is_not_shown() {
        let settings = json!({"accessToken": "fake-token", "phoneNumberId": "1", "phoneNumber": "+1"});
        let settings = settings.as_object().expect("an object").clone();
        let facts = json!({"phoneNumber": "+1514", "verifyToken": "fake-verify", "deploymentId": "d"});
        let made = Integration {
            display_name: Some("Shop".into()),
            facts: facts.as_object().expect("an object").clone(),
            status: IntegrationStatus::Error("gone".into()),
            ..Integration::new(Id::new("i"), Id::new("a"), "whatsapp", settings)
        };
        let hooks = "https://hub.example.org/hooks/whatsapp/i";
        assert_eq!(
            integration(&made, &["phoneNumberId", "phoneNumber", "name"], hooks),
            json!({"_id": "i", "type": "whatsapp", "displayName": "Shop", "status": "error", "error": "gone",
                   "phoneNumberId": "1", "phoneNumber": "1514", "deploymentId": "d", "hookUrl": hooks})
        );
    }
}
