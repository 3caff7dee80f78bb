//! Objects as v2 shows them, not yet wrapped in their names.

use serde_json::Value;

use crate::model::{
    Client, ClientStatus, Controller, Conversation, ConversationKind, Held, Participant, User, Whole,
};
use crate::wire::v1;
use crate::wire::written::Written;

/// A user with all that is known about them. Empty texts are left out: strict clients refuse them.
pub fn user(user: &User) -> Value {
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let profile = Written::new()
        .maybe("givenName", text(&user.given_name))
        .maybe("surname", text(&user.surname))
        .maybe("email", text(&user.email))
        .maybe("avatarUrl", text(&user.avatar_url))
        .maybe("locale", text(&user.locale));
    Written::new()
        .with("id", &user.id)
        .maybe("externalId", user.external_id.as_ref())
        .with("authenticated", user.authenticated)
        .with("signedUpAt", user.signed_up_at.iso())
        .maybe("toBeRetained", user.to_be_retained.then_some(true))
        .with("hasPaymentInfo", false)
        .with("profile", profile)
        .with("metadata", &user.properties)
        .with("identities", v1::identities(user))
        .into()
}

/// What events show of a user, unless a webhook asked for more.
pub fn truncated_user(user: &User) -> Value {
    Written::new()
        .with("id", &user.id)
        .maybe("externalId", user.external_id.as_ref())
        .with("authenticated", user.authenticated)
        .into()
}

/// An identity on a channel. One that waits to be linked shows no more than where.
pub fn client(client: &Client) -> Value {
    let head = Written::new()
        .with("id", &client.id)
        .with("type", &client.kind)
        .with("status", client.status)
        .with("integrationId", &client.integration);
    if client.status == ClientStatus::Pending {
        return head.into();
    }
    head.with("externalId", &client.address)
        .maybe("lastSeen", client.last_seen.map(|at| at.iso()))
        .maybe("linkedAt", client.linked_at.map(|at| at.iso()))
        .maybe("displayName", client.display_name.as_ref())
        .maybe("avatarUrl", client.avatar_url.as_ref().filter(|url| !url.is_empty()))
        .maybe("info", (!client.info.is_empty()).then_some(&client.info))
        .maybe("raw", (!client.raw.is_null()).then_some(&client.raw))
        .into()
}

/// A conversation.
pub fn conversation(whole: &Whole) -> Value {
    let Conversation { display_name, description, icon_url, business_last_read, last_message_at, .. } =
        &whole.conversation;
    let created = whole.conversation.created();
    truncated(&whole.held)
        .with("isDefault", whole.held.is_default)
        .maybe("displayName", display_name.as_ref())
        .maybe("description", description.as_ref())
        .maybe("iconUrl", icon_url.as_ref())
        .maybe("businessLastRead", business_last_read.map(|at| at.iso()))
        .with("lastUpdatedAt", last_message_at.unwrap_or(created).iso())
        .with("createdAt", created.iso())
        .into()
}

/// What events show of a conversation.
pub fn truncated_conversation(held: &Held) -> Value {
    truncated(held).into()
}

fn truncated(held: &Held) -> Written {
    Written::new()
        .with("id", &held.id)
        .with("type", conversation_kind(held.kind))
        .maybe("metadata", (!held.metadata.is_empty()).then_some(&held.metadata))
        .maybe("activeSwitchboardIntegration", held.active.as_ref().map(controller))
        .maybe("pendingSwitchboardIntegration", held.pending.as_ref().map(controller))
}

fn conversation_kind(kind: ConversationKind) -> &'static str {
    match kind {
        ConversationKind::Personal => "personal",
        ConversationKind::SdkGroup => "sdkGroup",
    }
}

/// Who leads a conversation for the business.
pub fn controller(controller: &Controller) -> Value {
    Written::new()
        .with("id", &controller.id)
        .with("name", &controller.name)
        .with("integrationId", &controller.integration)
        .with("integrationType", &controller.kind)
        .into()
}

/// Somebody who takes part in a conversation, with the identities they speak there with, the newest first.
pub fn participant(conversation: &Conversation, participant: &Participant, user: &User) -> Value {
    let is_here =
        |client: &&Client| client.status == ClientStatus::Active && client.is_seated(user, &conversation.id);
    let mut clients: Vec<&Client> = user.clients.iter().filter(is_here).collect();
    clients.sort_by_key(|client| std::cmp::Reverse(client.rank()));
    let associations: Vec<Written> = clients
        .into_iter()
        .map(|client| Written::new().with("type", &client.kind).with("clientId", &client.id))
        .collect();
    Written::new()
        .with("id", participant.id_in(&conversation.id))
        .with("userId", &user.id)
        .maybe("userExternalId", user.external_id.as_ref())
        .with("unreadCount", participant.unread)
        .maybe("lastRead", participant.last_read.map(|at| at.iso()))
        .with("clientAssociations", associations)
        .into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{Id, Timestamp};

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_conversation_is_as_old_as_what_was_said_in_it_last() {
        let user = User { conversation: Id::new("5963c0d619a30a2e00de36c2"), ..User::new(at(0)) };
        let mut conversation = Conversation::default_of(&user, at(1_500_000_000_123));
        let held = |conversation: &Conversation| Held {
            id: conversation.id.clone(),
            kind: conversation.kind,
            is_default: true,
            metadata: conversation.metadata.clone(),
            active: None,
            pending: None,
        };
        let shown = |conversation: &Conversation| {
            self::conversation(&Whole { held: held(conversation), conversation: conversation.clone() })
        };
        let mut expected = json!({
            "id": "5963c0d619a30a2e00de36c2",
            "type": "personal",
            "isDefault": true,
            "lastUpdatedAt": "2017-07-14T02:40:00.123Z",
            "createdAt": "2017-07-14T02:40:00.123Z",
        });
        assert_eq!(shown(&conversation), expected);
        conversation.next_message_at(at(1_500_000_001_000));
        conversation.metadata.insert("topic".into(), json!("bread"));
        conversation.display_name = Some("Orders".into());
        expected["lastUpdatedAt"] = json!("2017-07-14T02:40:01.000Z");
        expected["metadata"] = json!({"topic": "bread"});
        expected["displayName"] = json!("Orders");
        assert_eq!(shown(&conversation), expected);
    }

    #[test]
    fn who_takes_part_is_shown_with_the_identities_that_speak_there() {
        let mut user = User { id: Id::new("5963c0d619a30a2e00de36c1"), ..User::new(at(0)) };
        let client = |id: &str, seen: i64| Client {
            last_seen: Some(at(seen)),
            ..Client::new(Id::new(id), Id::new("i"), "twilio", "+15145550101")
        };
        let elsewhere = Client { seat: Some(Id::new("elsewhere")), ..client("c3", 9) };
        user.clients = vec![client("c1", 1), client("c2", 2), elsewhere];
        let conversation = Conversation::default_of(&user, at(0));
        let mut person = conversation.participants[0].clone();
        (person.id, person.unread) = (None, 3);
        let shown = participant(&conversation, &person, &user);
        assert_eq!(shown["id"].as_str().map(str::len), Some(24), "one is found for who had none");
        assert_eq!(
            (&shown["userId"], &shown["unreadCount"]),
            (&json!("5963c0d619a30a2e00de36c1"), &json!(3))
        );
        let associations =
            json!([{"type": "twilio", "clientId": "c2"}, {"type": "twilio", "clientId": "c1"}]);
        assert_eq!(shown["clientAssociations"], associations);
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let mut someone = User::new(Timestamp::from_millis(1_500_000_000_123));
        someone.id = Id::new("5963c0d619a30a2e00de36c1");
        someone.given_name = Some(String::new());
        assert_eq!(
            user(&someone),
            json!({
                "id": "5963c0d619a30a2e00de36c1",
                "authenticated": false,
                "signedUpAt": "2017-07-14T02:40:00.123Z",
                "hasPaymentInfo": false,
                "profile": {},
                "metadata": {},
                "identities": [],
            })
        );
    }
}
