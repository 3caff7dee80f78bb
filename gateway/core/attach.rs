//! How a link ends: the identity becomes the user's own, or nobody's; and who is told on the way.

use heliograph_connectors::channel::{Code, Person};

use crate::model::{
    Client, ClientStatus, Conversation, DeliveryError, Event, Held, LinkOutcome, PendingLink, Tenant, User,
    What,
};
use crate::store::{Batch, Expect, Record, Versioned};

use super::identify::Sighting;
use super::known::Known;
use super::link::{FAILED, Heard};
use super::merge::Uniting;
use super::records::{Linked, Waiting, address_id, save};
use super::settle::Scene;
use super::talk::held;
use super::{Core, CoreError};

impl Core {
    /// The person did what was waited for.
    pub(super) async fn complete(
        &self,
        scene: Scene<'_>,
        user: &mut User,
        link: &PendingLink,
        batch: &mut Batch,
    ) -> Result<(), CoreError> {
        if !user.pending.iter().any(|other| other.client.id == link.client.id) {
            return Ok(());
        }
        user.pending.retain(|other| other.client.id != link.client.id);
        batch.delete(Waiting::KIND, address_id(&link.client.integration, &link.client.address));
        self.attach(scene, user, link, batch).await
    }

    /// The person declined, cannot be reached or let the time pass; or the business thought better of it.
    pub(super) async fn give_up(
        &self,
        heard: Heard<'_>,
        user: &mut User,
        link: &PendingLink,
        (reason, error): (&str, DeliveryError),
        batch: &mut Batch,
    ) -> Result<(), CoreError> {
        let waited = user.pending.len();
        user.pending.retain(|other| other.client.id != link.client.id);
        if user.pending.len() == waited {
            return Ok(());
        }
        batch.delete(Waiting::KIND, address_id(&link.client.integration, &link.client.address));
        self.tell_link(heard, user, link, LinkOutcome::Failure(error.clone()), batch).await?;
        let what = What::ClientRemoved {
            user: user.clone(),
            client: link.client.clone(),
            reason: reason.to_owned(),
            error: Some(error),
        };
        self.tell_of_client(heard, user, &link.client, what, batch).await
    }

    /// The person said no.
    pub(super) async fn declined(
        &self,
        scene: Scene<'_>,
        user: &mut User,
        link: &PendingLink,
        batch: &mut Batch,
    ) -> Result<(), CoreError> {
        let message = "the person declined".into();
        let error = DeliveryError { code: Code::Forbidden, message, underlying: None };
        self.give_up(scene.heard(), user, link, (FAILED, error), batch).await
    }

    /// Makes the identity the user's own, taking it from whoever had it.
    pub(super) async fn attach(
        &self,
        scene: Scene<'_>,
        user: &mut User,
        link: &PendingLink,
        batch: &mut Batch,
    ) -> Result<(), CoreError> {
        let link = &PendingLink { client: self.seated_now(scene, &link.client).await?, ..link.clone() };
        let is_blocked = self.wants_none(scene, &link.client.address).await?;
        let status = if is_blocked { ClientStatus::Blocked } else { ClientStatus::Active };
        let mut client = Client { status, linked_at: Some(scene.now), ..link.client.clone() };
        let sighting = self.sighted(scene, &Person::at(link.client.address.clone())).await?;
        if let Sighting::Known { known, under, .. } = sighting {
            let is_stranger = |user: &User| user.external_id.is_none();
            if known.user.id == user.id {
                take(user, scene, &under, &mut client);
            } else if is_stranger(user) && is_stranger(&known.user) {
                self.absorb(scene, user, *known, &under, link, batch).await?;
                if let Some(taken) = take(user, scene, &under, &mut client) {
                    // Under that id it stands in what was said.
                    client.id = taken.id;
                }
            } else {
                self.steal(scene, *known, &under, &mut client, batch).await?;
            }
        }
        user.clients.push(client.clone());
        for address in client.addresses() {
            let linked = Linked::of(user, &client, address);
            batch.put(Linked::KIND, linked.record_id(), &linked, Expect::Anything, None);
        }
        let confirmed = PendingLink { client: client.clone(), ..link.clone() };
        self.tell_link(scene.heard(), user, &confirmed, LinkOutcome::Success, batch).await?;
        let what =
            What::ClientAdded { user: user.clone(), client: client.clone(), reason: "channelLinking".into() };
        self.tell_of_client(scene.heard(), user, &client, what, batch).await
    }

    /// An identity that speaks in the conversation it was meant for, or in the default one if that is gone since.
    async fn seated_now(&self, scene: Scene<'_>, client: &Client) -> Result<Client, CoreError> {
        let mut client = client.clone();
        if let Some(seat) = &client.seat
            && self.store.load::<Conversation>(&scene.tenant.app.id, seat.as_str()).await?.is_none()
        {
            client.seat = None;
        }
        Ok(client)
    }

    /// Two strangers are one, as the one has the other's identity: what they said goes on where the link leads.
    async fn absorb(
        &self,
        scene: Scene<'_>,
        user: &mut User,
        other: Known,
        under: &str,
        link: &PendingLink,
        batch: &mut Batch,
    ) -> Result<(), CoreError> {
        let Some(version) = other.user_version else { return Ok(()) };
        let before = other.user.client_at(&scene.integration.id, under).cloned();
        let uniting = Uniting {
            reason: "channelLinking",
            into: link.client.seat.clone(),
            clients: before.map(|before| (before, link.client.clone())),
        };
        self.unite(scene.heard(), user, Versioned { version, value: other.user }, uniting, batch).await
    }

    /// Takes an identity from somebody else.
    async fn steal(
        &self,
        scene: Scene<'_>,
        mut other: Known,
        under: &str,
        client: &mut Client,
        batch: &mut Batch,
    ) -> Result<(), CoreError> {
        if let Some(taken) = take(&mut other.user, scene, under, client) {
            let user = other.user.clone();
            let what =
                What::ClientRemoved { user, client: taken.clone(), reason: "theft".into(), error: None };
            self.tell_of_client(scene.heard(), &other.user, &taken, what, batch).await?;
        }
        save(batch, other.user_version, &other.user);
        Ok(())
    }

    /// Tells how a link moved.
    pub(super) async fn tell_link(
        &self,
        heard: Heard<'_>,
        user: &User,
        link: &PendingLink,
        outcome: LinkOutcome,
        batch: &mut Batch,
    ) -> Result<(), CoreError> {
        let what = What::Link {
            outcome,
            user: user.clone(),
            channel: link.client.kind.clone(),
            criteria: link.criteria.clone(),
            client: Some(link.client.clone()),
        };
        self.tell_of_client(heard, user, &link.client, what, batch).await
    }

    /// Tells of an identity, with the conversation it speaks in.
    pub(super) async fn tell_of_client(
        &self,
        heard: Heard<'_>,
        user: &User,
        client: &Client,
        what: What,
        batch: &mut Batch,
    ) -> Result<(), CoreError> {
        let held = self.held_by(heard.tenant, user, client).await?;
        let event = Event::new(&heard.tenant.app.id, heard.now, what).within(held);
        self.announce(batch, heard.tenant, &event);
        Ok(())
    }

    /// What events carry of the conversation that somebody speaks in from a channel; nothing, while nothing was said in
    /// it.
    async fn held_by(
        &self,
        tenant: &Tenant,
        user: &User,
        client: &Client,
    ) -> Result<Option<Held>, CoreError> {
        let id = client.seat.as_ref().unwrap_or(&user.conversation);
        if *id == user.conversation && !user.conversation_started {
            return Ok(None);
        }
        let found = self.store.load::<Conversation>(&tenant.app.id, id.as_str()).await?;
        Ok(found.map(|read| held(tenant, &read.value)))
    }
}

/// Takes an identity out of what somebody has, and keeps what is known of it.
fn take(user: &mut User, scene: Scene<'_>, under: &str, client: &mut Client) -> Option<Client> {
    let is_it = |own: &Client| own.is_at(&scene.integration.id, under);
    let at = user.clients.iter().position(is_it)?;
    let taken = user.clients.remove(at);
    client.keep_of(&taken);
    Some(taken)
}
