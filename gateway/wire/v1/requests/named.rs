//! Keys and service accounts, of which callers say a name and nothing else.

use crate::model::Timestamp;
use crate::wire::Invalid;
use crate::wire::given::{Given, document};

/// Characters of a name.
pub(super) const NAME_MAX: usize = 128;

/// `POST …/keys`, `POST /serviceaccounts` and `PUT /serviceaccounts/{account}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameField {
    /// What people call it.
    pub name: Option<String>,
}

impl NameField {
    /// Reads a request's body.
    pub fn parse(body: &[u8], _now: Timestamp) -> Result<NameField, Invalid> {
        let document = document(body)?;
        let name = Given::root(&document).optional("name", |name| name.filled_within(NAME_MAX))?;
        Ok(NameField { name })
    }
}
