//! People made known before they ever write.

use serde_json::{Map, Value};

use crate::model::Timestamp;
use crate::wire::Invalid;
use crate::wire::given::{Given, document};

/// Characters of a business's own id of a person.
pub(super) const USER_ID_MAX: usize = 1024;

/// Characters of a name or an email address.
pub(super) const NAME_MAX: usize = 128;

/// `POST …/appusers`.
#[derive(Debug, Clone, PartialEq)]
pub struct PreCreate {
    /// The business's own id.
    pub user_id: String,
    /// First name.
    pub given_name: Option<String>,
    /// Last name.
    pub surname: Option<String>,
    /// Email address, for display.
    pub email: Option<String>,
    /// When they signed up.
    pub signed_up_at: Option<Timestamp>,
    /// The business's own facts.
    pub properties: Map<String, Value>,
}

impl PreCreate {
    /// Reads a request's body.
    pub fn parse(body: &[u8], _now: Timestamp) -> Result<PreCreate, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        let name = |key| {
            let name = given.optional(key, |name| name.text_within(NAME_MAX))?;
            Ok(name.filter(|name| !name.is_empty()))
        };
        Ok(PreCreate {
            user_id: given.required("userId", |id| id.filled_within(USER_ID_MAX))?,
            given_name: name("givenName")?,
            surname: name("surname")?,
            email: name("email")?,
            signed_up_at: given.optional("signedUpAt", Given::moment)?,
            properties: given.optional("properties", Given::facts)?.unwrap_or_default(),
        })
    }
}
