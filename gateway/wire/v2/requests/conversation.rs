//! Conversations, made and changed: what is absent stays, what is null goes.

use serde_json::{Map, Value};

use crate::model::{ConversationKind, Whom};
use crate::wire::Invalid;
use crate::wire::given::{Given, MISSING, document};

use super::content::counted;
use super::participant::participant;

/// Characters of a name or a description.
const NAME_MAX: usize = 100;

/// People of a group that is made with them.
const PARTICIPANTS_MAX: usize = 10;

/// `POST …/conversations`
#[derive(Debug, Clone, PartialEq)]
pub struct NewConversation {
    /// One person or several.
    pub kind: ConversationKind,
    /// Who takes part: exactly one in a personal one.
    pub participants: Vec<Whom>,
    /// What is known of it.
    pub fields: ConversationFields,
}

/// `PATCH …/conversations/{conversation}`. Of each text: not said, cleared, or set.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConversationFields {
    /// What it is called.
    pub display_name: Option<Option<String>>,
    /// What it is about.
    pub description: Option<Option<String>>,
    /// A picture of it.
    pub icon_url: Option<Option<String>>,
    /// Whether all facts go before those of `metadata` are set.
    pub clears_metadata: bool,
    /// Facts set, and with null those to be removed.
    pub metadata: Map<String, Value>,
}

impl NewConversation {
    /// Reads a request's body.
    pub fn parse(body: &[u8]) -> Result<NewConversation, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        let kind = match given.required("type", |kind| kind.word(&["personal", "sdkGroup"]))? {
            "sdkGroup" => ConversationKind::SdkGroup,
            _ => ConversationKind::Personal,
        };
        let participants = given.optional("participants", |list| {
            counted(list, (0, PARTICIPANTS_MAX))?.iter().map(participant).collect::<Result<Vec<_>, _>>()
        })?;
        let participants = participants.unwrap_or_default();
        match (kind, participants.len()) {
            (ConversationKind::Personal, 0) => return Err(given.refuse_member("participants", MISSING)),
            (ConversationKind::Personal, 2..) => {
                return Err(given.refuse_member("participants", "should not have more than 1 items"));
            }
            _ => {}
        }
        Ok(NewConversation { kind, participants, fields: ConversationFields::read(&given)? })
    }
}

impl ConversationFields {
    /// Reads a request's body.
    pub fn parse(body: &[u8]) -> Result<ConversationFields, Invalid> {
        let document = document(body)?;
        ConversationFields::read(&Given::root(&document))
    }

    fn read(given: &Given<'_>) -> Result<ConversationFields, Invalid> {
        let members = given.object()?;
        let text = |key: &str, read: &dyn Fn(&Given<'_>) -> Result<String, Invalid>| {
            let set = given.optional(key, |text| read(text))?;
            Ok::<_, Invalid>(members.contains_key(key).then_some(set))
        };
        let name = |key: &str| text(key, &|name| name.filled_within(NAME_MAX));
        Ok(ConversationFields {
            display_name: name("displayName")?,
            description: name("description")?,
            icon_url: text("iconUrl", &|url| url.web_url())?,
            clears_metadata: members.get("metadata").is_some_and(Value::is_null),
            metadata: given.optional("metadata", Given::changed_facts)?.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Id;

    fn new(body: Value) -> Result<NewConversation, String> {
        NewConversation::parse(body.to_string().as_bytes()).map_err(|refused| refused.to_string())
    }

    #[test]
    fn a_personal_one_has_one_person_and_a_group_some() {
        let ada = || json!({"userId": "ada"});
        let personal = new(json!({"type": "personal", "participants": [ada()]})).expect("is right");
        assert_eq!(
            (personal.kind, personal.participants),
            (ConversationKind::Personal, vec![Whom::Id(Id::new("ada"))],)
        );
        assert_eq!(new(json!({"type": "sdkGroup"})).expect("is right").participants, []);
        let many = |count| vec![ada(); count];
        assert!(new(json!({"type": "sdkGroup", "participants": many(10)})).is_ok());
        for (body, refused) in [
            (json!({}), "type: is required"),
            (json!({"type": "group"}), "type: must be one of personal, sdkGroup"),
            (json!({"type": "personal"}), "participants: is required"),
            (json!({"type": "personal", "participants": []}), "participants: is required"),
            (
                json!({"type": "personal", "participants": many(2)}),
                "participants: should not have more than 1 items",
            ),
            (
                json!({"type": "sdkGroup", "participants": many(11)}),
                "participants: should not have more than 10 items",
            ),
            (json!({"type": "sdkGroup", "participants": [{}]}), "participants[0].userId: is required"),
        ] {
            assert_eq!(new(body), Err(refused.to_owned()));
        }
    }

    #[test]
    fn absent_stays_and_null_goes() {
        let fields = |body: Value| ConversationFields::parse(body.to_string().as_bytes());
        let change = fields(json!({
            "displayName": "Order 1", "description": null, "metadata": {"a": 1, "b": null}, "unknown": 1,
        }));
        let change = change.expect("is right");
        assert_eq!((change.display_name, change.description), (Some(Some("Order 1".into())), Some(None)));
        assert_eq!((change.icon_url, change.clears_metadata), (None, false));
        assert_eq!(Value::Object(change.metadata), json!({"a": 1, "b": null}));
        assert!(fields(json!({"metadata": null})).expect("is right").clears_metadata);
        for odd in [
            json!({"displayName": ""}),
            json!({"displayName": "x".repeat(101)}),
            json!({"description": 1}),
            json!({"iconUrl": "icon.png"}),
            json!({"iconUrl": format!("https://example.com/{}", "x".repeat(2048))}),
            json!({"metadata": {"a": []}}),
            json!({"metadata": {"a": "x".repeat(4097)}}),
        ] {
            assert!(fields(odd.clone()).is_err(), "{odd}");
        }
    }
}
