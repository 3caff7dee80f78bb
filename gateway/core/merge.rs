//! Two people who are one: what the surviving one has afterwards, and where the other is found from then on.

use serde::{Deserialize, Serialize};

use crate::model::{App, Client, Conversation, Departed, Event, Held, Id, NewJob, Tenant, Union, User, What};
use crate::store::{Batch, Expect, Record, Versioned};

use super::adopt::{list_default, pass};
use super::link::Heard;
use super::records::{ExternalId, Linked, Waiting, conversations_of, referred, save};
use super::take_over::{Fate, fate_of, take_over, take_over_counters};
use super::talk::held;
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

/// Why two people become one, and what of both is known to be the same.
#[derive(Debug)]
pub(super) struct Uniting {
    /// `api`, `channelLinking`
    pub(super) reason: &'static str,
    /// The conversation in which what both said becomes one; as the app's settings have it when unset.
    pub(super) into: Option<Id<Conversation>>,
    /// The identity that remains, and the one that is gone in it.
    pub(super) clients: Option<(Client, Client)>,
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
        let other = self.find_user(tenant, discarded).await?;
        if read.value.id == other.value.id {
            return Err(CoreError::Invalid("discarded._id: must be another user than the surviving".into()));
        }
        let heard = Heard { tenant, now: self.clock.now() };
        let mut batch = Batch::new(&tenant.app.id);
        let uniting = Uniting { reason: "api", into: None, clients: None };
        self.unite(heard, &mut read.value, other, uniting, &mut batch).await?;
        save(&mut batch, Some(read.version), &read.value);
        once.enter(&mut batch, heard.now, &());
        self.store.commit(batch).await?;
        Ok(())
    }

    /// Gives the surviving user all that is the other's. Whoever calls writes the surviving one.
    ///
    /// Where both say something about the person, the survivor is right; what only the other says is taken over. Facts
    /// for which there is no room are told and gone. An identity that both have is one, the survivor's. Of their default
    /// conversations becomes what [`fate_of`] says; all others are the survivor's from now on, some with this and the
    /// rest by a job, and whoever finds the other's name in one of these meanwhile is led to the survivor.
    pub(super) async fn unite(
        &self,
        heard: Heard<'_>,
        surviving: &mut User,
        other: Versioned<User>,
        uniting: Uniting,
        batch: &mut Batch,
    ) -> Result<(), CoreError> {
        let app = &heard.tenant.app.id;
        let Versioned { version, value: discarded } = other;
        let mut seated = discarded.clone();
        let conversations = self.unite_defaults(heard, surviving, &mut seated, uniting.into, batch).await?;
        let left = take_over(surviving, &seated);
        lead_to(surviving, &discarded, batch);
        batch.delete_expecting(User::KIND, discarded.record_id(), Expect::Version(version));
        batch.insert(&Merged {
            user: discarded.id.clone(),
            into: surviving.id.clone(),
            conversation: Some(discarded.conversation.clone()),
        });
        batch.append(absorbed_by(&surviving.id), heard.now.millis(), discarded.id.as_str());
        if self.adopt_first(app, &discarded, &surviving.id, batch).await? {
            batch.job(NewJob::adopt(app, &discarded.id, heard.now));
        }
        let departed = vec![Departed::of(&discarded)];
        let details = Union {
            reason: uniting.reason.to_owned(),
            discarded,
            conversations,
            clients: uniting.clients.or(left.clients),
            discarded_metadata: left.facts,
        };
        let what = What::Merged {
            surviving: surviving.clone(),
            discarded: departed,
            details: Some(Box::new(details)),
        };
        self.announce(batch, heard.tenant, &Event::new(app, heard.now, what));
        Ok(())
    }

    /// Makes of two default conversations what becomes of them, and leads the other's identities there. Answers both,
    /// if one is gone in the other.
    async fn unite_defaults(
        &self,
        heard: Heard<'_>,
        surviving: &mut User,
        other: &mut User,
        into: Option<Id<Conversation>>,
        batch: &mut Batch,
    ) -> Result<Option<(Held, Held)>, CoreError> {
        let app = &heard.tenant.app.id;
        let mut from: Versioned<Conversation> =
            referred(&*self.store, app, other.conversation.as_str()).await?;
        batch.remove(conversations_of(&other.id), from.value.id.as_str());
        match fate_of(heard.tenant, surviving, other, into) {
            Fate::United(target) => self.unite_histories(heard, surviving, other, from, target, batch).await,
            Fate::Promoted => {
                let place: Versioned<Conversation> =
                    referred(&*self.store, app, surviving.conversation.as_str()).await?;
                let free = place.value.record_id();
                batch.delete_expecting(Conversation::KIND, free, Expect::Version(place.version));
                seat(surviving, None);
                pass(&mut from.value, &other.id, &surviving.id);
                surviving.conversation = from.value.id.clone();
                surviving.conversation_started = true;
                list_default(surviving, &from.value, batch);
                seat(other, None);
                batch.update(&from);
                Ok(None)
            }
            Fate::Kept => {
                pass(&mut from.value, &other.id, &surviving.id);
                from.value.is_default = false;
                let (id, made) = (&from.value.id, from.value.created());
                batch.append(conversations_of(&surviving.id), made.millis(), id.as_str());
                seat(other, Some(id));
                batch.update(&from);
                Ok(None)
            }
        }
    }

    /// What was said in one conversation goes on in another, where whoever spoke in the one speaks from now on.
    async fn unite_histories(
        &self,
        heard: Heard<'_>,
        surviving: &mut User,
        other: &mut User,
        from: Versioned<Conversation>,
        target: Id<Conversation>,
        batch: &mut Batch,
    ) -> Result<Option<(Held, Held)>, CoreError> {
        let app = &heard.tenant.app.id;
        let Versioned { version, value: from } = from;
        let mut to: Versioned<Conversation> = referred(&*self.store, app, target.as_str()).await?;
        take_over_counters(&mut to.value, &from);
        batch.delete_expecting(Conversation::KIND, from.id.as_str(), Expect::Version(version));
        if self.move_some(app, &from.id, &mut to.value, &surviving.id, batch).await? {
            batch.job(NewJob::move_history(app, &from.id, &target, &other.id, heard.now));
        }
        let is_default = target == surviving.conversation;
        seat(other, Some(&target).filter(|_| !is_default));
        if is_default {
            surviving.conversation_started |= other.conversation_started;
            list_default(surviving, &to.value, batch);
        }
        save(batch, Some(to.version), &to.value);
        let (tenant, is_told) = (heard.tenant, other.conversation_started);
        Ok(is_told.then(|| (held(tenant, &to.value), held(tenant, &from))))
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

/// Has what speaks in somebody's default conversation speak in another; in whichever is their default when unset.
fn seat(user: &mut User, there: Option<&Id<Conversation>>) {
    let pending = user.pending.iter_mut().map(|link| &mut link.client);
    for client in user.clients.iter_mut().chain(pending) {
        if client.seat.as_ref().is_none_or(|seat| *seat == user.conversation) {
            client.seat = there.cloned();
        }
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
mod tests;
