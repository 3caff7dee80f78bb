//! Two people who are one: what the surviving one has afterwards, and where the other is found from then on.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::{App, Client, Conversation, Departed, Event, Id, NewJob, Tenant, User, What};
use crate::store::{Batch, Expect, Record, Versioned};

use super::known::Known;
use super::link::Heard;
use super::profile::{PROPERTIES_MAX, size_of_fact};
use super::records::{ExternalId, Linked, Waiting, save};
use super::{Core, CoreError, Once, retried};

/// Merges after each other that lead from a person to who they are now, at most.
const CHAIN_MAX: usize = 64;

/// Into whom a person was merged. What was under way for them then finds its way by this; callers do not.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Merged {
    pub(super) user: Id<User>,
    pub(super) into: Id<User>,
    /// Theirs, from which messages may still be on their way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) conversation: Option<Id<Conversation>>,
}

impl Record for Merged {
    const KIND: &'static str = "merged";

    fn record_id(&self) -> String {
        self.user.to_string()
    }
}

/// The list of those who were merged into a person: what is kept under their ids is that person's.
pub(super) fn absorbed_by(user: &Id<User>) -> String {
    format!("absorbed:{user}")
}

impl Core {
    /// Makes two users one: the second is gone afterwards, and what was theirs is the first one's.
    pub async fn merge(
        &self,
        tenant: &Tenant,
        surviving: &str,
        discarded: &str,
        once: Once<'_, ()>,
    ) -> Result<(), CoreError> {
        retried(|| self.try_merge(tenant, surviving, discarded, &once)).await
    }

    async fn try_merge(
        &self,
        tenant: &Tenant,
        surviving: &str,
        discarded: &str,
        once: &Once<'_, ()>,
    ) -> Result<(), CoreError> {
        let mut read = self.find_user(tenant, surviving).await?;
        let other = self.find_known(tenant, discarded).await?;
        if read.value.id == other.user.id {
            return Err(CoreError::Invalid("discarded._id: must be another user than the surviving".into()));
        }
        let heard = Heard { tenant, now: self.clock.now() };
        let mut batch = Batch::new(&tenant.app.id);
        self.unite(heard, &mut read.value, other, &mut batch).await?;
        save(&mut batch, Some(read.version), &read.value);
        once.enter(&mut batch, heard.now, &());
        self.store.commit(batch).await?;
        Ok(())
    }

    /// Gives the surviving user all that is the other's. Whoever calls writes the surviving one.
    pub(super) async fn unite(
        &self,
        heard: Heard<'_>,
        surviving: &mut User,
        other: Known,
        batch: &mut Batch,
    ) -> Result<(), CoreError> {
        let app = &heard.tenant.app.id;
        let mut read: Versioned<Conversation> =
            super::records::referred(&*self.store, app, surviving.conversation.as_str()).await?;
        take_over(surviving, &other.user);
        take_over_counters(&mut read.value, &other.conversation);
        lead_to(surviving, &other.user, batch);
        other.remove(batch);
        batch.insert(&Merged {
            user: other.user.id.clone(),
            into: surviving.id.clone(),
            conversation: Some(other.conversation.id.clone()),
        });
        batch.append(absorbed_by(&surviving.id), heard.now.millis(), other.user.id.as_str());
        let from = &other.conversation.id;
        if self.move_some(app, from, &mut read.value, &surviving.id, batch).await? {
            batch.job(NewJob::move_history(app, from, &other.user.id, heard.now));
        }
        save(batch, Some(read.version), &read.value);
        let what = What::Merged {
            surviving: surviving.clone(),
            discarded: vec![Departed::of(&other.user)],
            details: None,
        };
        self.announce(batch, heard.tenant, &Event::new(app, heard.now, what));
        Ok(())
    }

    /// The person under one of our ids, whoever they were merged into since; `None` when they are erased.
    pub(super) async fn person(
        &self,
        app: &Id<App>,
        id: &Id<User>,
    ) -> Result<Option<Versioned<User>>, CoreError> {
        let mut id = id.clone();
        for _ in 0..CHAIN_MAX {
            if let Some(found) = self.store.load::<User>(app, id.as_str()).await? {
                return Ok(Some(found));
            }
            match self.store.load::<Merged>(app, id.as_str()).await? {
                Some(merged) => id = merged.value.into,
                None => return Ok(None),
            }
        }
        Ok(None)
    }
}

/// What the surviving user is after another was found to be the same: where both say something, the survivor is right.
fn take_over(surviving: &mut User, other: &User) {
    let fill = |own: &mut Option<String>, others: &Option<String>| {
        if own.is_none() {
            own.clone_from(others);
        }
    };
    fill(&mut surviving.external_id, &other.external_id);
    fill(&mut surviving.given_name, &other.given_name);
    fill(&mut surviving.surname, &other.surname);
    fill(&mut surviving.email, &other.email);
    fill_properties(&mut surviving.properties, &other.properties);
    surviving.conversation_started |= other.conversation_started;
    for client in &other.clients {
        take_over_client(&mut surviving.clients, client);
    }
    for link in &other.pending {
        let waits = |client: &Client| client.is_at(&link.client.integration, &link.client.address);
        let is_known =
            surviving.clients.iter().any(waits) || surviving.pending.iter().any(|own| waits(&own.client));
        if !is_known {
            surviving.pending.push(link.clone());
        }
    }
}

/// Adds what there is room for.
fn fill_properties(own: &mut Map<String, Value>, others: &Map<String, Value>) {
    let mut size: usize = own.iter().map(|(key, value)| size_of_fact(key, value)).sum();
    for (key, value) in others {
        let more = size_of_fact(key, value);
        if !own.contains_key(key) && size + more <= PROPERTIES_MAX {
            own.insert(key.clone(), value.clone());
            size += more;
        }
    }
}

/// Adds an identity, or what is known of it to the one that both have.
fn take_over_client(clients: &mut Vec<Client>, client: &Client) {
    let is_same =
        |own: &&mut Client| client.addresses().any(|address| own.is_at(&client.integration, address));
    let Some(own) = clients.iter_mut().find(is_same) else {
        return clients.push(client.clone());
    };
    own.keep_of(client);
}

/// Both histories are one, and so is what was read of them. More than fit are kept all the same.
fn take_over_counters(own: &mut Conversation, other: &Conversation) {
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

/// Makes whatever led to the other user lead to the surviving one.
fn lead_to(surviving: &User, other: &User, batch: &mut Batch) {
    for client in &other.clients {
        for address in client.addresses() {
            let linked = Linked::of(surviving, client, address);
            batch.put(Linked::KIND, linked.record_id(), &linked, Expect::Anything, None);
        }
    }
    for link in surviving.pending.iter().filter(|link| other.pending.contains(link)) {
        let waiting = Waiting {
            integration: link.client.integration.clone(),
            address: link.client.address.clone(),
            user: surviving.id.clone(),
            client: link.client.id.clone(),
        };
        batch.put(Waiting::KIND, waiting.record_id(), &waiting, Expect::Anything, Some(link.expires_at));
    }
    let Some(external_id) = &other.external_id else { return };
    if surviving.external_id.as_ref() == Some(external_id) {
        let named = ExternalId { external_id: external_id.clone(), user: surviving.id.clone() };
        batch.put(ExternalId::KIND, external_id, &named, Expect::Anything, None);
    } else {
        batch.delete(ExternalId::KIND, external_id);
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
        take_over(&mut one, &two);
        assert_eq!((one.id, one.external_id.as_deref()), (id, Some("b@example.com")));
        assert_eq!((one.given_name.as_deref(), one.surname.as_deref()), (Some("Ada"), Some("L")));
        assert_eq!(Value::Object(one.properties), json!({"a": 1, "b": 3}));
        assert_eq!((one.conversation_started, one.clients.len()), (true, 3));
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
