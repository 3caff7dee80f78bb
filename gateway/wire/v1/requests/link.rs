//! Linking a person to a channel.

use heliograph_connectors::channel::{Action, Content};
use serde_json::{Map, Value};

use crate::model::{Confirmation, Id, Integration, Timestamp};
use crate::wire::Invalid;
use crate::wire::given::{Given, document};

use super::message;

/// Members of the request that do not name the person.
const NOT_CRITERIA: [&str; 5] = ["type", "integrationId", "confirmation", "primary", "skipConfirmation"];

/// Characters of one fact that names a person.
const CRITERION_MAX: usize = 1024;

/// `POST …/appusers/{id}/channels`.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkChannel {
    /// The channel's type.
    pub kind: String,
    /// Through which integration, where the caller chooses.
    pub integration: Option<Id<Integration>>,
    /// What names the person on the channel (`phoneNumber`, `address`, …): the criteria of link events.
    pub fields: Map<String, Value>,
    /// How the person confirms.
    pub confirmation: Confirmation,
}

impl LinkChannel {
    /// Reads a request's body.
    pub fn parse(body: &[u8], now: Timestamp) -> Result<LinkChannel, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        Ok(LinkChannel {
            kind: given.required("type", |kind| kind.filled_within(64))?,
            integration: given.optional("integrationId", message::id)?,
            fields: criteria(&given)?,
            confirmation: given.required("confirmation", |given| {
                let read = confirmation(given, |message| first_message(message, now))?;
                match read {
                    Confirmation::UserActivity { message: None } => Err(given.missing("message")),
                    read => Ok(read),
                }
            })?,
        })
    }
}

/// Which fields name a person is the channel's business, so every text counts.
fn criteria(given: &Given<'_>) -> Result<Map<String, Value>, Invalid> {
    let mut criteria = Map::new();
    for (key, value) in given.object()? {
        if NOT_CRITERIA.contains(&key.as_str()) {
            continue;
        }
        // A phone number sent as a number has lost its plus; better said here than called missing later.
        if value.is_string() || value.is_number() {
            criteria.insert(key.clone(), given.required(key, |fact| fact.text_within(CRITERION_MAX))?.into());
        }
    }
    Ok(criteria)
}

/// How a person confirms, and what is said to them first, read as its version writes messages.
pub(in crate::wire) fn confirmation<'a>(
    given: &Given<'a>,
    first: impl FnOnce(&Given<'a>) -> Result<Content, Invalid>,
) -> Result<Confirmation, Invalid> {
    let kind = given.required("type", |kind| kind.word(&["immediate", "userActivity", "prompt"]))?;
    if kind == "prompt" {
        return Ok(Confirmation::Prompt);
    }
    let message = given.optional("message", first)?;
    Ok(match kind {
        "immediate" => Confirmation::Immediate { message },
        _ => Confirmation::UserActivity { message },
    })
}

/// What may be said to somebody who is not linked yet.
pub(in crate::wire) fn first_message(given: &Given<'_>, now: Timestamp) -> Result<Content, Invalid> {
    let content = message::content(given, now)?;
    let (Content::Text { actions, .. } | Content::Image { actions, .. }) = &content else {
        return Err(given.refuse_member("type", "must be text or image in a confirmation"));
    };
    match actions.iter().position(|action| !matches!(action, Action::Link { .. })) {
        Some(n) => Err(given.refuse_member(&format!("actions[{n}].type"), "must be link in a confirmation")),
        None => Ok(content),
    }
}
