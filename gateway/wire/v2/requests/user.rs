//! People, made known and changed: what is absent stays, what is null goes.

use serde_json::{Map, Value};
use url::Url;

use crate::model::Timestamp;
use crate::wire::Invalid;
use crate::wire::given::{Given, document};

/// Characters of a business's own id of a person.
const EXTERNAL_ID_MAX: usize = 1024;

/// Characters of a name or an email address.
const NAME_MAX: usize = 128;

/// Characters of a picture's address.
const URL_MAX: usize = 2048;

/// Characters of a language's name.
const LOCALE_MAX: usize = 64;

/// `PATCH …/users/{user}`. Of each text: not said, cleared, or set.
#[derive(Debug, Clone, PartialEq)]
pub struct UserFields {
    /// First name.
    pub given_name: Option<Option<String>>,
    /// Last name.
    pub surname: Option<Option<String>>,
    /// Email address, for display.
    pub email: Option<Option<String>>,
    /// Where their picture is.
    pub avatar_url: Option<Option<String>>,
    /// Their language.
    pub locale: Option<Option<String>>,
    /// When they signed up.
    pub signed_up_at: Option<Timestamp>,
    /// Whether their data outlives what would take it away.
    pub to_be_retained: Option<bool>,
    /// Whether all facts go before those of `metadata` are set.
    pub clears_metadata: bool,
    /// Facts set, and with null those to be removed.
    pub metadata: Map<String, Value>,
}

/// `POST …/users`
#[derive(Debug, Clone, PartialEq)]
pub struct NewUser {
    /// The business's own id; somebody without one is anonymous.
    pub external_id: Option<String>,
    /// What is known of them.
    pub fields: UserFields,
}

impl NewUser {
    /// Reads a request's body.
    pub fn parse(body: &[u8]) -> Result<NewUser, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        Ok(NewUser {
            external_id: given.optional("externalId", |id| id.filled_within(EXTERNAL_ID_MAX))?,
            fields: UserFields::read(&given)?,
        })
    }
}

impl UserFields {
    /// Reads a request's body.
    pub fn parse(body: &[u8]) -> Result<UserFields, Invalid> {
        let document = document(body)?;
        UserFields::read(&Given::root(&document))
    }

    fn read(given: &Given<'_>) -> Result<UserFields, Invalid> {
        let profile = given.member("profile")?;
        let text = |key: &str, read: &dyn Fn(&Given<'_>) -> Result<String, Invalid>| {
            let Some(profile) = &profile else { return Ok(None) };
            let set = profile.optional(key, |text| read(text))?;
            Ok::<_, Invalid>(profile.object()?.contains_key(key).then(|| set.filter(|text| !text.is_empty())))
        };
        let name = |key: &str| text(key, &|name| name.text_within(NAME_MAX));
        Ok(UserFields {
            given_name: name("givenName")?,
            surname: name("surname")?,
            email: name("email")?,
            avatar_url: text("avatarUrl", &address)?,
            locale: text("locale", &|locale| locale.text_within(LOCALE_MAX))?,
            signed_up_at: given.optional("signedUpAt", Given::moment)?,
            to_be_retained: given.optional("toBeRetained", Given::flag)?,
            clears_metadata: given.object()?.get("metadata").is_some_and(Value::is_null),
            metadata: given.optional("metadata", Given::changed_facts)?.unwrap_or_default(),
        })
    }
}

fn address(given: &Given<'_>) -> Result<String, Invalid> {
    let text = given.text_within(URL_MAX)?;
    let is_web = Url::parse(&text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if text.is_empty() || is_web { Ok(text) } else { Err(given.refuse("must be a web address")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn absent_stays_and_null_goes() {
        let body = json!({
            "externalId": "ignored here",
            "profile": {"givenName": "Ada", "surname": null, "avatarUrl": "https://example.com/a.png"},
            "metadata": {"a": 1, "b": null},
        });
        let fields = UserFields::parse(body.to_string().as_bytes()).expect("a change");
        assert_eq!(fields.given_name, Some(Some("Ada".into())));
        assert_eq!((fields.surname, fields.email), (Some(None), None));
        assert_eq!(Value::Object(fields.metadata), json!({"a": 1, "b": null}));
        assert!(!fields.clears_metadata);
        assert!(UserFields::parse(br#"{"metadata":null,"profile":null}"#).expect("a change").clears_metadata);
        for odd in [
            json!({"profile": {"givenName": 1}}),
            json!({"profile": {"avatarUrl": "ftp://example.com"}}),
            json!({"profile": []}),
            json!({"metadata": {"a": []}}),
            json!({"signedUpAt": "now"}),
        ] {
            assert!(UserFields::parse(odd.to_string().as_bytes()).is_err(), "{odd}");
        }
    }
}
