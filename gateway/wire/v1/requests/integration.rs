//! Integrations: what makes one, and what changes one.

use serde_json::{Map, Value};

use crate::model::{Id, SwitchboardIntegration};
use crate::wire::Invalid;
use crate::wire::given::{Given, document};

/// Characters of a display name.
const NAME_MAX: usize = 100;

/// What a request may hold beside the channel's settings, and what no request sets.
const NO_SETTINGS: [&str; 9] =
    ["type", "displayName", "deploymentId", "defaultResponderId", "_id", "id", "status", "error", "limits"];

/// `POST …/integrations`
#[derive(Debug, Clone, PartialEq)]
pub struct NewIntegration {
    /// The channel's type: `twilio`.
    pub kind: String,
    /// What people call it.
    pub display_name: Option<String>,
    /// The WhatsApp number set up before that it is for.
    pub deployment: Option<String>,
    /// Who leads conversations that begin on it, which v2 says.
    pub responder: Option<Id<SwitchboardIntegration>>,
    /// All else: the channel's settings, and what it does not know.
    pub settings: Map<String, Value>,
}

impl NewIntegration {
    /// Reads a request's body.
    pub fn parse(body: &[u8]) -> Result<NewIntegration, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        Ok(NewIntegration {
            kind: given.required("type", |kind| Ok(kind.text()?.to_owned()))?,
            display_name: given.optional("displayName", |name| name.filled_within(NAME_MAX))?,
            deployment: given.optional("deploymentId", |id| id.filled_within(NAME_MAX))?,
            responder: given.optional("defaultResponderId", responder)?,
            settings: settings(&given)?.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        })
    }
}

/// `PUT …/integrations/{integration}`
#[derive(Debug, Clone, PartialEq)]
pub struct IntegrationChange {
    /// Another name; `None` within takes it away.
    pub display_name: Option<Option<String>>,
    /// Who leads conversations that begin on it, which v2 says; `None` within leaves it to the default.
    pub responder: Option<Option<Id<SwitchboardIntegration>>>,
    /// Settings that get another value; `null` takes one away.
    pub settings: Map<String, Value>,
}

impl IntegrationChange {
    /// Reads a request's body.
    pub fn parse(body: &[u8]) -> Result<IntegrationChange, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        let is_said = |key: &str| given.object().map(|fields| fields.contains_key(key));
        let name = given.optional("displayName", |name| name.filled_within(NAME_MAX))?;
        let responder = given.optional("defaultResponderId", responder)?;
        Ok(IntegrationChange {
            display_name: is_said("displayName")?.then_some(name),
            responder: is_said("defaultResponderId")?.then_some(responder),
            settings: settings(&given)?,
        })
    }

    /// The settings there are, changed.
    pub fn apply(&self, settings: &mut Map<String, Value>) {
        for (name, value) in &self.settings {
            match value {
                Value::Null => settings.remove(name),
                value => settings.insert(name.clone(), value.clone()),
            };
        }
    }
}

fn responder(given: &Given<'_>) -> Result<Id<SwitchboardIntegration>, Invalid> {
    given.text().map(Id::new)
}

fn settings(given: &Given<'_>) -> Result<Map<String, Value>, Invalid> {
    let mut settings = given.object()?.clone();
    settings.retain(|name, _| !NO_SETTINGS.contains(&name.as_str()));
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_request_is_a_type_a_name_and_settings() {
        let body =
            json!({"type": "twilio", "displayName": "Shop", "accountSid": "AC1", "x": null, "_id": "i"});
        let read = NewIntegration::parse(body.to_string().as_bytes()).expect("a request");
        assert_eq!((read.kind.as_str(), read.display_name.as_deref()), ("twilio", Some("Shop")));
        assert_eq!(Value::from(read.settings), json!({"accountSid": "AC1"}));
        let long = json!({"type": "twilio", "displayName": "x".repeat(101)}).to_string();
        for (body, field) in [("{}", "type"), (r#"{"type":7}"#, "type"), (long.as_str(), "displayName")] {
            assert_eq!(NewIntegration::parse(body.as_bytes()).expect_err(body).path, field);
        }
    }

    #[test]
    fn a_change_leaves_what_it_does_not_name() {
        let read = |body: Value| IntegrationChange::parse(body.to_string().as_bytes()).expect("a change");
        assert_eq!(read(json!({})).display_name, None);
        assert_eq!(read(json!({"displayName": null})).display_name, Some(None));
        let change = read(json!({"type": "whatsapp", "fromAddress": "a@b.example", "x": null}));
        let mut settings = Map::from_iter([("x".to_owned(), json!(1)), ("y".to_owned(), json!(2))]);
        change.apply(&mut settings);
        assert_eq!(Value::from(settings), json!({"fromAddress": "a@b.example", "y": 2}));
    }
}
