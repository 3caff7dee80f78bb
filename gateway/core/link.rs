//! Linking users to channels: what each confirmation waits for, and what its end brings about.

use heliograph_connectors::channel::{Body, Channel, Code, Content, Person};
use serde_json::{Map, Value};

use crate::model::{
    Client, ClientStatus, Confirmation, Delivery, DeliveryError, Event, Id, LinkOutcome, NewJob, Notified,
    PendingLink, Purpose, Tenant, Timestamp, User, What,
};
use crate::store::{Batch, Expect, Record};

use super::identify::{Sighting, client_of};
use super::notify::canonical;
use super::records::{Linked, Waiting, address_id, save};
use super::settle::Scene;
use super::{Core, CoreError, Once, Route, Thing, retried};

/// Words that answer the platform's question with yes, and with no.
const YES: [&str; 4] = ["yes", "y", "ok", "accept"];
const NO: [&str; 4] = ["no", "n", "decline", "reject"];

/// Why the identity of a link that failed is taken away.
pub(super) const FAILED: &str = "linkFailed";

/// Who hears of a link, and when: all that is needed where its channel plays no part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heard<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) now: Timestamp,
}

impl<'a> Scene<'a> {
    pub(super) fn heard(self) -> Heard<'a> {
        Heard { tenant: self.tenant, now: self.now }
    }
}

/// A wish to link a user to a channel.
#[derive(Debug, Clone)]
pub struct Link {
    /// The address as the caller gave it.
    pub address: String,
    /// What the caller sent to name the person, echoed in link events.
    pub criteria: Map<String, Value>,
    /// How the person confirms.
    pub confirmation: Confirmation,
}

/// What a person's words do to a link that waits for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Confirms,
    Declines,
    SaysNothing,
}

impl Core {
    /// Begins to link a user to a channel. The user returned shows the link as pending, even where nothing
    /// has to be waited for.
    pub async fn link(
        &self,
        route: Route<'_>,
        user: &str,
        link: Link,
        once: Once<'_, User>,
    ) -> Result<User, CoreError> {
        permitted(route.channel, &link.confirmation)?;
        let key = route.channel.capabilities().destination_key;
        let address = canonical(route.channel, key, &link.address)?;
        if key == "phoneNumber" && !address.starts_with('+') {
            // WhatsApp writes to ids of people too, which no business knows beforehand.
            return Err(CoreError::Invalid(format!("{key}: must begin with + and the country code")));
        }
        retried(|| {
            let scene = Scene::at(route, self.clock.now());
            self.try_link(scene, user, &address, &link, &once)
        })
        .await
    }

    async fn try_link(
        &self,
        scene: Scene<'_>,
        user: &str,
        address: &str,
        link: &Link,
        once: &Once<'_, User>,
    ) -> Result<User, CoreError> {
        let app = &scene.tenant.app.id;
        let mut read = self.find_user(scene.tenant, user).await?;
        let mut batch = Batch::new(app);
        if read.value.client_at(&scene.integration.id, address).is_some() {
            // Written once more only to be sure that they are still there.
            save(&mut batch, Some(read.version), &read.value);
            let shown = scene.tenant.reaching(read.value);
            once.enter(&mut batch, scene.now, &shown);
            self.store.commit(batch).await?;
            return Ok(shown);
        }
        let person = Person::at(address);
        let client = client_of(scene, &person, ClientStatus::Pending);
        let mut pending = PendingLink {
            client: client.clone(),
            confirmation: link.confirmation.clone(),
            criteria: link.criteria.clone(),
            expires_at: scene.now + self.policy.links_expire_after,
            delivery: None,
        };
        read.value.pending.retain(|other| !other.client.is_at(&scene.integration.id, address));
        let first = first_message(scene.tenant, &link.confirmation);
        pending.delivery = first.is_some().then(|| Id::fresh_uuid(scene.now));
        let mut shown = read.value.clone();
        shown.pending.push(pending.clone());

        if let (Some(content), Some(id)) = (first, pending.delivery.clone()) {
            read.value = shown.clone();
            batch.job(NewJob::expire(&read.value, &pending));
            let waiting = Waiting {
                integration: scene.integration.id.clone(),
                address: address.to_owned(),
                user: read.value.id.clone(),
                client: client.id.clone(),
            };
            let until = Some(pending.expires_at);
            batch.put(Waiting::KIND, waiting.record_id(), &waiting, Expect::Anything, until);
            let purpose = Purpose::Link { client: client.id };
            let expires = scene.now + self.policy.expires_after;
            let body = Body::Content(content);
            let mut delivery = Delivery::queued(
                id,
                purpose,
                scene.integration,
                address.to_owned(),
                body,
                scene.now,
                expires,
            );
            delivery.user = Some(read.value.id.clone());
            self.accept(&mut delivery, &mut batch);
            batch.job(NewJob::send(&delivery, scene.now));
        } else {
            self.tell_link(scene.heard(), &read.value, &pending, LinkOutcome::Match, &mut batch);
            self.attach(scene, &mut read.value, &pending, &mut batch).await?;
        }
        save(&mut batch, Some(read.version), &read.value);
        let shown = scene.tenant.reaching(shown);
        once.enter(&mut batch, scene.now, &shown);
        self.store.commit(batch).await?;
        Ok(shown)
    }

    /// Takes a channel away from a user: linked identities of that type and links that still wait.
    pub async fn unlink(&self, tenant: &Tenant, user: &str, kind: &str) -> Result<(), CoreError> {
        retried(|| self.try_unlink(tenant, user, kind)).await
    }

    async fn try_unlink(&self, tenant: &Tenant, user: &str, kind: &str) -> Result<(), CoreError> {
        let mut read = self.find_user(tenant, user).await?;
        let user = &mut read.value;
        let now = self.clock.now();
        let is_meant = |client: &Client| client.kind.eq_ignore_ascii_case(kind);
        let gone: Vec<Client> = user.clients.extract_if(.., |client| is_meant(client)).collect();
        let dropped: Vec<PendingLink> =
            user.pending.iter().filter(|link| is_meant(&link.client)).cloned().collect();
        if gone.is_empty() && dropped.is_empty() {
            return Err(CoreError::NotFound(Thing::Client));
        }
        let mut batch = Batch::new(&tenant.app.id);
        for client in gone {
            for address in client.addresses() {
                batch.delete(Linked::KIND, address_id(&client.integration, address));
            }
            let what = What::ClientRemoved { user: user.clone(), client, reason: "api".into(), error: None };
            self.announce(&mut batch, tenant, &Event::new(&tenant.app.id, now, what));
        }
        let heard = Heard { tenant, now };
        for link in &dropped {
            self.give_up(heard, user, link, "linkCancelled", cancelled(), &mut batch);
        }
        save(&mut batch, Some(read.version), &read.value);
        self.store.commit(batch).await?;
        Ok(())
    }

    /// The confirmation message moved: its acceptance matches the person, and completes an immediate link.
    pub(super) async fn link_moved(
        &self,
        scene: Scene<'_>,
        delivery: &Delivery,
        client: &Id<Client>,
        told: Vec<Notified>,
        batch: &mut Batch,
    ) -> Result<(), CoreError> {
        let Some(user) = &delivery.user else { return Ok(()) };
        let Some(mut read) = self.person(&scene.tenant.app.id, user).await? else { return Ok(()) };
        let Some(at) = read.value.pending.iter().position(|link| link.client.id == *client) else {
            return Ok(());
        };
        let link = read.value.pending[at].clone();
        for told in told {
            match told {
                Notified::Channel { .. } => {
                    self.tell_link(scene.heard(), &read.value, &link, LinkOutcome::Match, batch);
                    if matches!(link.confirmation, Confirmation::Immediate { .. }) {
                        self.complete(scene, &mut read.value, &link, batch).await?;
                    }
                }
                Notified::Failure { error } => {
                    self.give_up(scene.heard(), &mut read.value, &link, FAILED, error, batch);
                }
                Notified::User => {}
            }
        }
        save(batch, Some(read.version), &read.value);
        Ok(())
    }

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

/// Whether the channel can confirm a link this way at all.
fn permitted(channel: &dyn Channel, confirmation: &Confirmation) -> Result<(), CoreError> {
    let can = channel.capabilities().confirmations;
    let (word, allowed) = match confirmation {
        Confirmation::Immediate { .. } => ("immediate", can.immediate),
        Confirmation::UserActivity { .. } => ("userActivity", can.user_activity),
        Confirmation::Prompt => ("prompt", can.prompt),
    };
    if allowed {
        return Ok(());
    }
    let kind = channel.capabilities().kind;
    Err(CoreError::Invalid(format!("confirmation.type: {kind} cannot be linked with `{word}`")))
}

/// What is sent to the person before they are linked.
fn first_message(tenant: &Tenant, confirmation: &Confirmation) -> Option<Content> {
    match confirmation {
        Confirmation::Immediate { message } => message.clone(),
        Confirmation::UserActivity { message } => Some(message.clone()),
        Confirmation::Prompt => {
            let name = &tenant.app.name;
            Some(Content::text(format!(
                "{name} would like to send you messages here. Reply YES to accept or NO to decline."
            )))
        }
    }
}

/// What a person's words mean for a link that waits for them.
pub(super) fn answer(link: &PendingLink, content: &Content, now: Timestamp) -> Answer {
    if link.expires_at <= now {
        return Answer::SaysNothing;
    }
    let word = match content {
        Content::Text { text, .. } => text.trim().trim_end_matches(['.', '!']).to_lowercase(),
        _ => String::new(),
    };
    match link.confirmation {
        Confirmation::Prompt if YES.contains(&word.as_str()) => Answer::Confirms,
        Confirmation::Prompt if NO.contains(&word.as_str()) => Answer::Declines,
        Confirmation::Prompt => Answer::SaysNothing,
        // Any sign of life will do, also when the first message's acceptance is still on its way back.
        Confirmation::UserActivity { .. } | Confirmation::Immediate { .. } => Answer::Confirms,
    }
}

/// Why a link failed that the business took back.
fn cancelled() -> DeliveryError {
    let message = "The link was cancelled".into();
    DeliveryError { code: Code::UncategorizedError, message, underlying: None }
}
