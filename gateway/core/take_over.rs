//! What a person is after another was found to be the same: facts, identities, counters; and what becomes of their two
//! default conversations.

use serde_json::{Map, Value};

use crate::model::{Client, Conversation, Id, Tenant, User};

use super::profile::{PROPERTIES_MAX, size_of_fact};

/// What becomes of the default conversation of somebody who is merged into another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// What was said in it goes on in this one, which is the survivor's.
    United(Id<Conversation>),
    /// It takes the place of the survivor's, in which nothing was ever said.
    Promoted,
    /// It is one more of the survivor's.
    Kept,
}

/// What becomes of it. Where a person has one conversation, as in apps without several, what both said is one history.
/// Where they may have several nothing is mixed; but a link names the conversation that it leads to.
pub(super) fn fate_of(
    tenant: &Tenant,
    surviving: &User,
    other: &User,
    into: Option<Id<Conversation>>,
) -> Fate {
    if let Some(into) = into {
        return Fate::United(into);
    }
    let has_several = tenant.app.settings.multi_convo_enabled;
    match (surviving.conversation_started, other.conversation_started) {
        (false, true) if has_several => Fate::Promoted,
        (true, true) if has_several => Fate::Kept,
        _ => Fate::United(surviving.conversation.clone()),
    }
}

/// What there was no place for, and what was there twice.
#[derive(Debug, Default)]
pub(super) struct Leftover {
    /// Facts beyond those there is room for.
    pub(super) facts: Map<String, Value>,
    /// The first identity that both have: the survivor's as it is now, and the other's.
    pub(super) clients: Option<(Client, Client)>,
}

/// What the surviving user is after another was found to be the same: where both say something, the survivor is right.
pub(super) fn take_over(surviving: &mut User, other: &User) -> Leftover {
    let fill = |own: &mut Option<String>, others: &Option<String>| {
        if own.is_none() {
            own.clone_from(others);
        }
    };
    // Who proved to be the other proved to be whoever has their id.
    surviving.authenticated |= other.authenticated && surviving.external_id.is_none();
    fill(&mut surviving.external_id, &other.external_id);
    fill(&mut surviving.given_name, &other.given_name);
    fill(&mut surviving.surname, &other.surname);
    fill(&mut surviving.email, &other.email);
    fill(&mut surviving.avatar_url, &other.avatar_url);
    fill(&mut surviving.locale, &other.locale);
    surviving.to_be_retained |= other.to_be_retained;
    let facts = fill_properties(&mut surviving.properties, &other.properties);
    let twice = other.clients.iter().filter_map(|client| take_over_client(&mut surviving.clients, client));
    let clients = twice.collect::<Vec<_>>().into_iter().next();
    for link in &other.pending {
        let waits = |client: &Client| client.is_at(&link.client.integration, &link.client.address);
        let is_known =
            surviving.clients.iter().any(waits) || surviving.pending.iter().any(|own| waits(&own.client));
        if !is_known {
            surviving.pending.push(link.clone());
        }
    }
    Leftover { facts, clients }
}

/// Adds what there is room for, and answers the rest.
fn fill_properties(own: &mut Map<String, Value>, others: &Map<String, Value>) -> Map<String, Value> {
    let mut size: usize = own.iter().map(|(key, value)| size_of_fact(key, value)).sum();
    let mut rest = Map::new();
    for (key, value) in others.iter().filter(|(key, _)| !own.contains_key(*key)).collect::<Vec<_>>() {
        let more = size_of_fact(key, value);
        let to = if size + more <= PROPERTIES_MAX { &mut *own } else { &mut rest };
        to.insert(key.clone(), value.clone());
        size = own.iter().map(|(key, value)| size_of_fact(key, value)).sum();
    }
    rest
}

/// Adds an identity, or what is known of it to the one that both have: then answers both.
fn take_over_client(clients: &mut Vec<Client>, client: &Client) -> Option<(Client, Client)> {
    let is_same =
        |own: &&mut Client| client.addresses().any(|address| own.is_at(&client.integration, address));
    let Some(own) = clients.iter_mut().find(is_same) else {
        clients.push(client.clone());
        return None;
    };
    own.keep_of(client);
    Some((own.clone(), client.clone()))
}

/// Both histories are one, and so is what was read of them. More than fit are kept all the same.
pub(super) fn take_over_counters(own: &mut Conversation, other: &Conversation) {
    own.business_last_read = own.business_last_read.max(other.business_last_read);
    own.last_message_at = own.last_message_at.max(other.last_message_at);
    own.last_user_message_at = own.last_user_message_at.max(other.last_user_message_at);
    own.recent_notifications = own.recent_notifications.saturating_add(other.recent_notifications);
    own.message_count = own.message_count.saturating_add(other.message_count);
    let unread = other.participants.iter().map(|participant| participant.unread).sum();
    let last_read = other.participants.iter().filter_map(|participant| participant.last_read).max();
    if let Some(participant) = own.participants.first_mut() {
        participant.unread = participant.unread.saturating_add(unread);
        participant.last_read = participant.last_read.max(last_read);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use serde_json::json;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn client(integration: &str, address: &str, seen: i64) -> Client {
        let id = Id::new(format!("c-{address}"));
        Client { last_seen: Some(at(seen)), ..Client::new(id, Id::new(integration), "twilio", address) }
    }

    #[test]
    fn the_survivor_is_right_and_lacks_nothing_the_other_had() {
        let mut one = User { given_name: Some("Ada".into()), ..User::new(at(1)) };
        one.properties = Map::from_iter([("a".to_owned(), json!(1))]);
        one.clients = vec![client("i", "+1", 5)];
        let mut two = User {
            given_name: Some("Bob".into()),
            surname: Some("L".into()),
            external_id: Some("b@example.com".into()),
            conversation_started: true,
            ..User::new(at(2))
        };
        let long = json!("x".repeat(PROPERTIES_MAX));
        two.properties = Map::from_iter([("a".into(), json!(2)), ("b".into(), json!(3)), ("c".into(), long)]);
        two.clients = vec![client("i", "+2", 7), client("j", "+1", 8)];
        let id = one.id.clone();
        let left = take_over(&mut one, &two);
        assert_eq!((one.id, one.external_id.as_deref()), (id, Some("b@example.com")));
        assert_eq!((one.given_name.as_deref(), one.surname.as_deref()), (Some("Ada"), Some("L")));
        assert_eq!(Value::Object(one.properties), json!({"a": 1, "b": 3}));
        assert_eq!(one.clients.len(), 3);
        assert_eq!(left.facts.keys().collect::<Vec<_>>(), ["c"]);
    }

    #[test]
    fn an_identity_both_have_is_one() {
        let mut clients = vec![client("i", "+1", 5)];
        let both = Client { aliases: vec!["+1".into(), "CA.1".into()], ..client("i", "+01", 9) };
        take_over_client(&mut clients, &both);
        assert_eq!(clients.len(), 1);
        assert_eq!(clients[0].addresses().collect::<Vec<_>>(), ["+1", "+01", "CA.1"]);
        assert_eq!(clients[0].last_seen, Some(at(9)));
    }

    #[test]
    fn counters_are_those_of_both() {
        let (one, two) = (User::new(at(1)), User::new(at(2)));
        let mut own = Conversation::default_of(&one, at(1));
        let mut other = Conversation::default_of(&two, at(2));
        own.participants[0].unread = 2;
        other.participants[0].unread = 3;
        other.participants[0].last_read = Some(at(9));
        (own.message_count, other.message_count) = (20_000, 20_000);
        own.business_last_read = Some(at(4));
        take_over_counters(&mut own, &other);
        let person = &own.participants[0];
        assert_eq!((person.unread, person.last_read, &person.user), (5, Some(at(9)), &one.id));
        assert_eq!((own.message_count, own.business_last_read), (40_000, Some(at(4))));
    }
}
