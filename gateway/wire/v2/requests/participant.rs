//! Who takes part in a conversation.

use crate::model::{Id, Participant, Whom};
use crate::wire::Invalid;
use crate::wire::given::{Given, MISSING, document};

/// Characters of a business's own id of a person.
const EXTERNAL_ID_MAX: usize = 1024;

/// Characters of an id of ours.
const ID_MAX: usize = 128;

/// `POST …/join`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join(pub Whom);

/// `POST …/leave`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leave {
    /// A person.
    Person(Whom),
    /// A participant, by the id of their taking part.
    Participant(Id<Participant>),
}

impl Join {
    /// Reads a request's body.
    pub fn parse(body: &[u8]) -> Result<Join, Invalid> {
        let document = document(body)?;
        participant(&Given::root(&document)).map(Join)
    }
}

impl Leave {
    /// Reads a request's body.
    pub fn parse(body: &[u8]) -> Result<Leave, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        let participant = given.optional("participantId", |id| id.filled_within(ID_MAX))?;
        let names_person = given.member("userId")?.or(given.member("userExternalId")?).is_some();
        match participant {
            Some(_) if names_person => Err(given.refuse("should match exactly one schema in oneOf")),
            Some(participant) => Ok(Leave::Participant(Id::new(participant))),
            None => whom(&given).map(Leave::Person),
        }
    }
}

/// A person who is to take part. Whether an SDK is told at once matters to SDKs, of which there are none here.
pub(super) fn participant(given: &Given<'_>) -> Result<Whom, Invalid> {
    given.optional("subscribeSDKClient", Given::flag)?;
    whom(given)
}

/// A person, by exactly one of their ids.
pub(super) fn whom(given: &Given<'_>) -> Result<Whom, Invalid> {
    let id = given.optional("userId", |id| id.filled_within(ID_MAX))?;
    let external = given.optional("userExternalId", |id| id.filled_within(EXTERNAL_ID_MAX))?;
    match (id, external) {
        (Some(_), Some(_)) => Err(given.refuse_member("userExternalId", "must not stand beside userId")),
        (Some(id), None) => Ok(Whom::Id(Id::new(id))),
        (None, Some(external_id)) => Ok(Whom::ExternalId(external_id)),
        (None, None) => Err(given.refuse_member("userId", MISSING)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn leave(body: Value) -> Result<Leave, String> {
        Leave::parse(body.to_string().as_bytes()).map_err(|refused| refused.to_string())
    }

    #[test]
    fn a_person_is_named_in_one_way() {
        let join = |body: Value| Join::parse(body.to_string().as_bytes()).map_err(|refused| refused.path);
        assert_eq!(
            join(json!({"userId": "a", "subscribeSDKClient": true})),
            Ok(Join(Whom::Id(Id::new("a"))))
        );
        assert_eq!(join(json!({"userExternalId": "a/b"})), Ok(Join(Whom::ExternalId("a/b".into()))));
        for (body, path) in [
            (json!({}), "userId"),
            (json!({"userId": ""}), "userId"),
            (json!({"userId": "a", "userExternalId": "b"}), "userExternalId"),
            (json!({"userExternalId": "x".repeat(1025)}), "userExternalId"),
            (json!({"userId": "a", "subscribeSDKClient": 1}), "subscribeSDKClient"),
        ] {
            assert_eq!(join(body), Err(path.to_owned()));
        }
        assert_eq!(leave(json!({"participantId": "p"})), Ok(Leave::Participant(Id::new("p"))));
        assert_eq!(leave(json!({"userExternalId": "e"})), Ok(Leave::Person(Whom::ExternalId("e".into()))));
        assert!(leave(json!({"participantId": "p", "userId": "u"})).is_err());
        assert_eq!(leave(json!({})), Err("userId: is required".into()));
    }
}
