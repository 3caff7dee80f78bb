//! Whoever says or does something: the business, or a person it names.

use crate::model::{Author, Role, Whom};
use crate::wire::Invalid;
use crate::wire::given::Given;

use super::content::counted;
use super::participant::whom;

/// Characters of a name.
const NAME_MAX: usize = 128;

/// Kinds of authors that callers may name; `agent` and `bot` are told by the platform alone.
const SUBTYPES: [&str; 2] = ["AI", "activity"];

/// An author, and which person that is.
#[derive(Debug, Clone, PartialEq)]
pub struct Speaker {
    /// How they are shown.
    pub author: Author,
    /// Who it is; nobody for the business.
    pub person: Option<Whom>,
}

/// The `author` of a request.
pub(super) fn speaker(given: &Given<'_>) -> Result<Speaker, Invalid> {
    let role = match given.required("type", |kind| kind.word(&["business", "user"]))? {
        "user" => Role::User,
        _ => Role::Business,
    };
    let subtypes = given.optional("subtypes", |subtypes| {
        let kinds = counted(subtypes, (0, 1))?;
        kinds.iter().map(|kind| kind.word(&SUBTYPES).map(str::to_owned)).collect::<Result<Vec<_>, _>>()
    })?;
    let name = given.optional("displayName", |name| name.text_within(NAME_MAX))?;
    let author = Author {
        role,
        name: name.filter(|name| !name.is_empty()),
        avatar_url: given.optional("avatarUrl", Given::web_url)?,
        subtypes: subtypes.unwrap_or_default(),
        ..Author::business()
    };
    let person = match role {
        Role::User => Some(whom(given)?),
        Role::Business => None,
    };
    Ok(Speaker { author, person })
}
