//! What a request changes about a person: what is absent stays, what is null goes.

use serde_json::{Map, Value};

use crate::model::Timestamp;
use crate::wire::Invalid;
use crate::wire::given::{Given, document};

use super::user::NAME_MAX;

/// `PUT …/appusers/{id}`. Of each name: not said, cleared, or set.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileFields {
    /// First name.
    pub given_name: Option<Option<String>>,
    /// Last name.
    pub surname: Option<Option<String>>,
    /// Email address, for display.
    pub email: Option<Option<String>>,
    /// When they signed up.
    pub signed_up_at: Option<Timestamp>,
    /// Facts set, and with null those to be removed.
    pub properties: Map<String, Value>,
}

impl ProfileFields {
    /// Reads a request's body.
    pub fn parse(body: &[u8]) -> Result<ProfileFields, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        let name = |key: &str| {
            let set = given.optional(key, |name| name.text_within(NAME_MAX))?;
            let is_said = given.object()?.contains_key(key);
            Ok::<_, Invalid>(is_said.then(|| set.filter(|name| !name.is_empty())))
        };
        Ok(ProfileFields {
            given_name: name("givenName")?,
            surname: name("surname")?,
            email: name("email")?,
            signed_up_at: given.optional("signedUpAt", Given::moment)?,
            properties: given.optional("properties", Given::changed_facts)?.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn absent_stays_and_null_goes() {
        let body = json!({"givenName": "Ada", "surname": null, "properties": {"a": 1, "b": null}});
        let fields = ProfileFields::parse(body.to_string().as_bytes()).expect("a change");
        assert_eq!(fields.given_name, Some(Some("Ada".into())));
        assert_eq!((fields.surname, fields.email), (Some(None), None));
        let expected = json!({"a": 1, "b": null});
        assert_eq!(Value::Object(fields.properties), expected);
        assert_eq!(ProfileFields::parse(b"").expect("nothing").properties, Map::new());
        for odd in [json!({"givenName": 1}), json!({"properties": {"a": []}}), json!({"signedUpAt": "now"})] {
            assert!(ProfileFields::parse(odd.to_string().as_bytes()).is_err(), "{odd}");
        }
    }
}
