//! A stored template: a name and a message of the business.

use heliograph_connectors::channel::Content;
use serde_json::{Map, Value};

use crate::model::Timestamp;
use crate::wire::Invalid;
use crate::wire::given::{Given, document};

use super::message::{LABEL_MAX, content};

/// What ends a template's name in a text, and so cannot stand in it.
const ENDS: [&str; 2] = ["))%", "}}%"];

/// `POST …/templates` and `PUT …/templates/{id}`: what is unset keeps its value.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateFields {
    /// What it is called.
    pub name: Option<String>,
    /// What it says, and the business's own facts about that.
    pub message: Option<(Content, Map<String, Value>)>,
}

impl TemplateFields {
    /// Reads a request's body.
    pub fn parse(body: &[u8], now: Timestamp) -> Result<TemplateFields, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        let message = given.optional("message", |message| {
            message.optional("role", |role| role.word(&["appMaker"]))?;
            let metadata = message.optional("metadata", Given::facts)?.unwrap_or_default();
            Ok((content(message, now)?, metadata))
        })?;
        Ok(TemplateFields { name: given.optional("name", name)?, message })
    }
}

fn name(given: &Given<'_>) -> Result<String, Invalid> {
    let name = given.filled_within(LABEL_MAX)?;
    let is_nameable =
        name.trim() == name && !name.contains('\n') && !ENDS.iter().any(|end| name.contains(end));
    if is_nameable { Ok(name) } else { Err(given.refuse("must be one line that no space begins or ends")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_said_in_a_text() {
        let named = |name: &str| {
            let body = serde_json::json!({ "name": name }).to_string();
            TemplateFields::parse(body.as_bytes(), Timestamp::from_millis(0)).is_ok()
        };
        for (name, is_right) in [
            ("a", true),
            ("Opening hours (2)", true),
            ("", false),
            (" a", false),
            ("a\nb", false),
            ("a))%", false),
        ] {
            assert_eq!(named(name), is_right, "{name:?}");
        }
    }
}
