//! Making two people one.

use crate::wire::Invalid;
use crate::wire::given::{Given, document};

use super::user::USER_ID_MAX;

/// `POST …/appusers/merge`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeUsers {
    /// The user who stays.
    pub surviving: String,
    /// The user who is gone afterwards.
    pub discarded: String,
}

impl MergeUsers {
    /// Reads a request's body.
    pub fn parse(body: &[u8]) -> Result<MergeUsers, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        let id = |key| given.required(key, |user| user.required("_id", |id| id.filled_within(USER_ID_MAX)));
        Ok(MergeUsers { surviving: id("surviving")?, discarded: id("discarded")? })
    }
}
