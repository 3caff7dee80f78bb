//! How a link ends: the identity becomes the user's own, or nobody's.

use heliograph_connectors::channel::{Code, Person};

use crate::model::{Client, ClientStatus, DeliveryError, Event, LinkOutcome, PendingLink, User, What};
use crate::store::{Batch, Expect, Record};

use super::identify::Sighting;
use super::link::{FAILED, Heard};
use super::records::{Linked, Waiting, address_id, save};
use super::settle::Scene;
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
    pub(super) fn give_up(
        &self,
        heard: Heard<'_>,
        user: &mut User,
        link: &PendingLink,
        reason: &str,
        error: DeliveryError,
        batch: &mut Batch,
    ) {
        let waited = user.pending.len();
        user.pending.retain(|other| other.client.id != link.client.id);
        if user.pending.len() == waited {
            return;
        }
        batch.delete(Waiting::KIND, address_id(&link.client.integration, &link.client.address));
        self.tell_link(heard, user, link, LinkOutcome::Failure(error.clone()), batch);
        let what = What::ClientRemoved {
            user: user.clone(),
            client: link.client.clone(),
            reason: reason.to_owned(),
            error: Some(error),
        };
        self.announce(batch, heard.tenant, &Event::new(&heard.tenant.app.id, heard.now, what));
    }

    /// The person said no.
    pub(super) fn declined(&self, scene: Scene<'_>, user: &mut User, link: &PendingLink, batch: &mut Batch) {
        let message = "the person declined".into();
        let error = DeliveryError { code: Code::Forbidden, message, underlying: None };
        self.give_up(scene.heard(), user, link, FAILED, error, batch);
    }

    /// Makes the identity the user's own, taking it from whoever had it.
    pub(super) async fn attach(
        &self,
        scene: Scene<'_>,
        user: &mut User,
        link: &PendingLink,
        batch: &mut Batch,
    ) -> Result<(), CoreError> {
        let address = &link.client.address;
        let mut client =
            Client { status: ClientStatus::Active, linked_at: Some(scene.now), ..link.client.clone() };
        let sighting = self.sighted(scene, &Person::at(address.clone())).await?;
        if let Sighting::Known { known: mut other, under, .. } = sighting {
            let mut is_own = other.user.id == user.id;
            let is_nobody = |user: &User| user.external_id.is_none();
            if !is_own && is_nobody(user) && is_nobody(&other.user) {
                self.unite(scene.heard(), user, (*other).clone(), batch).await?;
                is_own = true;
            }
            let clients = if is_own { &mut user.clients } else { &mut other.user.clients };
            let taken: Vec<Client> =
                clients.extract_if(.., |client| client.is_at(&scene.integration.id, &under)).collect();
            for taken in taken {
                client.keep_of(&taken);
                if !is_own {
                    let user = other.user.clone();
                    let what =
                        What::ClientRemoved { user, client: taken, reason: "theft".into(), error: None };
                    self.announce(batch, scene.tenant, &Event::new(&scene.tenant.app.id, scene.now, what));
                }
            }
            if !is_own {
                save(batch, other.user_version, &other.user);
            }
        }
        user.clients.push(client.clone());
        for address in client.addresses() {
            let linked = Linked::of(user, &client, address);
            batch.put(Linked::KIND, linked.record_id(), &linked, Expect::Anything, None);
        }
        self.tell_link(scene.heard(), user, link, LinkOutcome::Success, batch);
        let what = What::ClientAdded { user: user.clone(), client, reason: "channelLinking".into() };
        self.announce(batch, scene.tenant, &Event::new(&scene.tenant.app.id, scene.now, what));
        Ok(())
    }

    pub(super) fn tell_link(
        &self,
        heard: Heard<'_>,
        user: &User,
        link: &PendingLink,
        outcome: LinkOutcome,
        batch: &mut Batch,
    ) {
        let what = What::Link {
            outcome,
            user: user.clone(),
            channel: link.client.kind.clone(),
            criteria: link.criteria.clone(),
            client: Some(link.client.clone()),
        };
        self.announce(batch, heard.tenant, &Event::new(&heard.tenant.app.id, heard.now, what));
    }
}
