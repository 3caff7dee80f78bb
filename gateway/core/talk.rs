//! Which conversation is meant, who is in it, and which of a person's identities speaks there.

use crate::model::{
    Client, ClientStatus, Conversation, ConversationKind, Event, Held, Id, Integration, Tenant, Timestamp,
    User, What, Whole,
};
use crate::store::{Batch, Versioned};

use super::control::controllers;
use super::known::Known;
use super::{Core, CoreError, Thing};

/// Which conversation is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Talk<'a> {
    /// The default one of the user under our id or the business's own.
    DefaultOf(&'a str),
    /// The one under this id.
    Named(&'a str),
}

/// Where a message is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Toward {
    /// Through one integration.
    Integration(Id<Integration>),
    /// Through whichever integration of a type the person has.
    Kind(String),
    /// Nowhere: it is kept and told.
    Nobody,
}

/// A conversation, read for change, with whoever has it alone.
#[derive(Debug)]
pub(super) enum Room {
    /// One person's.
    Personal(Box<Known>),
    /// Several people's.
    Group(Box<Versioned<Conversation>>),
}

impl Room {
    /// The conversation.
    pub(super) fn conversation(&self) -> &Conversation {
        match self {
            Room::Personal(known) => &known.conversation,
            Room::Group(read) => &read.value,
        }
    }

    /// The same, to be moved along.
    pub(super) fn conversation_mut(&mut self) -> &mut Conversation {
        match self {
            Room::Personal(known) => &mut known.conversation,
            Room::Group(read) => &mut read.value,
        }
    }

    /// Whoever has it alone.
    pub(super) fn person(&self) -> Option<&User> {
        match self {
            Room::Personal(known) => Some(&known.user),
            Room::Group(_) => None,
        }
    }

    /// Writes the conversation, and its person when they changed.
    pub(super) fn save_changed(&self, batch: &mut Batch) {
        match self {
            Room::Personal(known) => known.save_changed(batch),
            Room::Group(read) => batch.update(read),
        }
    }

    /// The conversation and its version.
    pub(super) fn into_conversation(self) -> (Conversation, Option<u64>) {
        match self {
            Room::Personal(known) => (known.conversation, known.conversation_version),
            Room::Group(read) => (read.value, Some(read.version)),
        }
    }
}

impl Core {
    /// A conversation as answers show it. A default one in which nothing was ever said is not there for v2.
    pub async fn conversation(&self, tenant: &Tenant, id: &str) -> Result<Whole, CoreError> {
        let (conversation, _) = self.room(tenant, Talk::Named(id)).await?.into_conversation();
        Ok(whole(tenant, conversation))
    }

    /// A conversation, and its person where it is one person's.
    pub(super) async fn room(&self, tenant: &Tenant, talk: Talk<'_>) -> Result<Room, CoreError> {
        let id = match talk {
            Talk::DefaultOf(user) => {
                return Ok(Room::Personal(Box::new(self.find_known(tenant, user).await?)));
            }
            Talk::Named(id) => id,
        };
        let app = &tenant.app.id;
        let gone = || CoreError::NotFound(Thing::Conversation);
        let read = self.store.load::<Conversation>(app, id).await?.ok_or_else(gone)?;
        if read.value.kind == ConversationKind::SdkGroup {
            return Ok(Room::Group(Box::new(read)));
        }
        let person = &read.value.participants.first().ok_or_else(gone)?.user;
        let user = self.person(app, person).await?.ok_or_else(gone)?;
        if read.value.is_default && !user.value.conversation_started {
            return Err(gone());
        }
        Ok(Room::Personal(Box::new(Known::read(user, read))))
    }

    /// A conversation of one person.
    pub(super) async fn personal(&self, tenant: &Tenant, talk: Talk<'_>) -> Result<Known, CoreError> {
        match self.room(tenant, talk).await? {
            Room::Personal(known) => Ok(*known),
            Room::Group(_) => Err(CoreError::Invalid("the conversation is not one person's alone".into())),
        }
    }
}

/// What events carry of a conversation.
pub(super) fn held(tenant: &Tenant, conversation: &Conversation) -> Held {
    let (active, pending) = controllers(tenant, conversation);
    Held {
        id: conversation.id.clone(),
        kind: conversation.kind,
        is_default: conversation.is_default,
        metadata: conversation.metadata.clone(),
        active,
        pending,
    }
}

/// Something that happens in a conversation.
pub(super) fn event(tenant: &Tenant, conversation: &Conversation, now: Timestamp, what: What) -> Event {
    Event::new(&tenant.app.id, now, what).within(held(tenant, conversation))
}

/// What answers show of a conversation.
pub(super) fn whole(tenant: &Tenant, conversation: Conversation) -> Whole {
    Whole { held: held(tenant, &conversation), conversation }
}

/// The identity a message in a conversation goes to, of those that speak there: where the caller says, else where the
/// person was last. Where the integration is gone nobody can be reached.
pub(super) fn choose<'a>(
    tenant: &Tenant,
    user: &'a User,
    conversation: &Id<Conversation>,
    toward: Option<&Toward>,
) -> Result<Option<&'a Client>, CoreError> {
    let fits = |client: &&Client| match toward {
        None => true,
        Some(Toward::Integration(id)) => client.integration == *id,
        Some(Toward::Kind(kind)) => client.kind == *kind,
        Some(Toward::Nobody) => false,
    };
    if toward == Some(&Toward::Nobody) {
        return Ok(None);
    }
    // That somebody wants no messages is told of the message that is not sent.
    let is_live = |client: &&Client| {
        matches!(client.status, ClientStatus::Active | ClientStatus::Blocked)
            && client.is_seated(user, conversation)
            && tenant.integration(&client.integration).is_some()
    };
    let usable = user.clients.iter().filter(is_live).filter(fits);
    let chosen = usable.max_by_key(|client| client.rank());
    if chosen.is_none() && toward.is_some() {
        return Err(CoreError::Invalid("destination: the user has no client there".into()));
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::model::App;

    fn client(integration: &str, seen: Option<i64>) -> Client {
        let id = Id::new(format!("c-{integration}"));
        let last_seen = seen.map(Timestamp::from_millis);
        Client { last_seen, ..Client::new(id, Id::new(integration), "twilio", "+15145550101") }
    }

    fn tenant() -> Tenant {
        let of = |id| Integration::new(Id::new(id), Id::new("app"), "twilio", Map::new());
        let integrations = vec![of("a"), of("b"), of("c")];
        Tenant { integrations, ..Tenant::new(App::new(Id::new("app"), "Demo")) }
    }

    fn chosen(user: &User, conversation: &str, toward: Option<Toward>) -> Result<Option<String>, CoreError> {
        let (tenant, conversation) = (tenant(), Id::new(conversation));
        let chosen = choose(&tenant, user, &conversation, toward.as_ref())?;
        Ok(chosen.map(|client| client.id.to_string()))
    }

    fn somebody(clients: Vec<Client>) -> User {
        User { clients, conversation: Id::new("home"), ..User::new(Timestamp::from_millis(0)) }
    }

    #[test]
    fn messages_go_where_the_person_was_last_unless_told_otherwise() {
        let clients =
            vec![client("a", Some(1)), client("b", Some(2)), client("c", None), client("gone", Some(3))];
        let user = somebody(clients);
        let chosen = |toward| chosen(&user, "home", toward);
        assert_eq!(chosen(None).expect("any will do"), Some("c-b".into()));
        assert_eq!(chosen(Some(Toward::Integration(Id::new("c")))).expect("is linked"), Some("c-c".into()));
        assert!(chosen(Some(Toward::Kind("whatsapp".into()))).is_err());
        assert!(chosen(Some(Toward::Integration(Id::new("gone")))).is_err());
        assert!(matches!(self::chosen(&somebody(Vec::new()), "home", None), Ok(None)));
    }

    #[test]
    fn messages_of_a_conversation_go_to_who_speaks_there() {
        let seated = Client { seat: Some(Id::new("other")), ..client("b", Some(2)) };
        let linked = Client { linked_at: Some(Timestamp::from_millis(9)), ..client("c", None) };
        let user = somebody(vec![client("a", Some(1)), seated, Client { secondary: true, ..linked }]);
        assert_eq!(chosen(&user, "home", None).expect("somebody"), Some("c-a".into()));
        assert_eq!(chosen(&user, "other", None).expect("somebody"), Some("c-b".into()));
        assert!(matches!(chosen(&user, "third", None), Ok(None)));
        assert!(chosen(&user, "home", Some(Toward::Integration(Id::new("b")))).is_err());
    }
}
