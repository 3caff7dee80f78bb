//! Moves of the lead of a conversation.

use serde_json::{Map, Value};

use crate::wire::Invalid;
use crate::wire::given::{Given, document};

/// `POST …/passControl` and `POST …/offerControl`: to whom, and what they are told.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlTo {
    /// An id, a name, a type, or `next`.
    pub to: String,
    /// What whoever hears of it is told.
    pub metadata: Map<String, Value>,
}

impl ControlTo {
    /// Reads a request's body.
    pub fn parse(body: &[u8]) -> Result<ControlTo, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        let to = given.required("switchboardIntegration", |to| Ok(to.text()?.to_owned()))?;
        Ok(ControlTo { to, metadata: metadata(&given)? })
    }
}

/// `POST …/acceptControl` and `POST …/releaseControl`, which may come without a body.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlNote {
    /// What whoever hears of it is told.
    pub metadata: Map<String, Value>,
}

impl ControlNote {
    /// Reads a request's body.
    pub fn parse(body: &[u8]) -> Result<ControlNote, Invalid> {
        let document = document(body)?;
        Ok(ControlNote { metadata: metadata(&Given::root(&document))? })
    }
}

fn metadata(given: &Given<'_>) -> Result<Map<String, Value>, Invalid> {
    Ok(given.optional("metadata", Given::facts)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_meant_must_be_said_and_a_note_need_not() {
        let refused = |body: &str| ControlTo::parse(body.as_bytes()).expect_err("refused").to_string();
        assert_eq!(refused("{}"), "switchboardIntegration: is required");
        assert_eq!(refused(r#"{"switchboardIntegration":1}"#), "switchboardIntegration: must be a string");
        assert_eq!(
            refused(r#"{"switchboardIntegration":"a","metadata":{"a":[]}}"#),
            "metadata.a: must be a string, number or boolean"
        );
        for empty in ["", "{}", r#"{"metadata":null}"#] {
            let note = ControlNote::parse(empty.as_bytes()).expect("a note");
            assert!(note.metadata.is_empty());
        }
    }
}
