//! Linking users to channels: what each confirmation waits for, and what its end brings about.

use heliograph_connectors::channel::{Body, Channel, Content, Person};
use serde_json::{Map, Value};

use crate::model::{
    App, Client, ClientStatus, Confirmation, Conversation, ConversationKind, Delivery, Id, LinkOutcome,
    NewJob, Notified, PendingLink, Purpose, Tenant, Timestamp, User, What,
};
use crate::store::{Batch, Expect, Record};

use super::identify::client_of;
use super::notify::canonical;
use super::records::{Waiting, save};
use super::settle::Scene;
use super::{Core, CoreError, Once, Route, retried};

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
    /// The conversation that they then speak in, a personal one of the user; the default one when unset.
    pub conversation: Option<Id<Conversation>>,
    /// Whether messages go on to where they went before.
    pub secondary: bool,
}

/// A user with the identity that is being linked to them, as both were when that began.
#[derive(Debug, Clone)]
pub struct Linking {
    /// Who.
    pub user: User,
    /// The identity: pending, unless it was theirs before.
    pub client: Client,
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
        once: Once<'_, Linking>,
    ) -> Result<Linking, CoreError> {
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
        once: &Once<'_, Linking>,
    ) -> Result<Linking, CoreError> {
        let app = &scene.tenant.app.id;
        let mut read = self.find_user(scene.tenant, user).await?;
        let seat = self.seat(app, &read.value, link).await?;
        let mut batch = Batch::new(app);
        let is_own = |client: &&mut Client| client.is_at(&scene.integration.id, address);
        let linking = match read.value.clients.iter_mut().find(is_own) {
            Some(client) => {
                if seat.is_some() && client.seat != seat {
                    client.seat = seat;
                    client.secondary = link.secondary;
                    client.linked_at = Some(scene.now);
                }
                Linking { client: client.clone(), user: read.value.clone() }
            }
            None => {
                let mut client = client_of(scene, &Person::at(address), ClientStatus::Pending);
                client.seat = seat;
                client.secondary = link.secondary;
                self.begin_link(scene, &mut read.value, client, link, &mut batch).await?
            }
        };
        // Where nothing changed they are written once more to be sure that they are still there.
        save(&mut batch, Some(read.version), &read.value);
        let linking = Linking { user: scene.tenant.reaching(linking.user), ..linking };
        once.enter(&mut batch, scene.now, &linking);
        self.store.commit(batch).await?;
        Ok(linking)
    }

    /// Where somebody is to speak once they are linked: one of their own conversations, and theirs alone.
    async fn seat(
        &self,
        app: &Id<App>,
        user: &User,
        link: &Link,
    ) -> Result<Option<Id<Conversation>>, CoreError> {
        let Some(asked) = &link.conversation else { return Ok(None) };
        let found = self.store.load::<Conversation>(app, asked.as_str()).await?.map(|read| read.value);
        let personal = found.filter(|found| found.kind == ConversationKind::Personal);
        if let Some(of) = personal.as_ref().and_then(|found| found.participants.first()) {
            let person = self.person(app, &of.user).await?;
            if person.is_some_and(|person| person.value.id == user.id) {
                return Ok(Some(asked.clone()));
            }
        }
        Err(CoreError::Invalid("target.conversationId: must be a personal conversation of the user".into()))
    }

    /// Makes a link, or what waits for one. Answers what is shown: as it is before anything is confirmed.
    async fn begin_link(
        &self,
        scene: Scene<'_>,
        user: &mut User,
        client: Client,
        link: &Link,
        batch: &mut Batch,
    ) -> Result<Linking, CoreError> {
        let first = first_message(scene.tenant, &link.confirmation);
        let pending = PendingLink {
            client: client.clone(),
            confirmation: link.confirmation.clone(),
            criteria: link.criteria.clone(),
            expires_at: scene.now + self.policy.links_expire_after,
            delivery: first.is_some().then(|| Id::fresh_uuid(scene.now)),
        };
        user.pending.retain(|other| !other.client.is_at(&client.integration, &client.address));
        let mut shown = user.clone();
        shown.pending.push(pending.clone());
        let is_immediate = matches!(link.confirmation, Confirmation::Immediate { .. });
        if first.is_some() || !is_immediate {
            *user = shown.clone();
            wait(user, &pending, batch);
        }
        let begun = What::LinkStarted { user: shown.clone(), client: client.clone() };
        self.tell_of_client(scene.heard(), &shown, &client, begun, batch).await?;
        match first {
            Some(content) => self.ask(scene, user, &pending, content, batch),
            None => self.tell_link(scene.heard(), user, &pending, LinkOutcome::Match, batch).await?,
        }
        if is_immediate && pending.delivery.is_none() {
            self.attach(scene, user, &pending, batch).await?;
        }
        Ok(Linking { user: shown, client })
    }

    /// Sends the person what is said to them before they are linked.
    fn ask(&self, scene: Scene<'_>, user: &User, pending: &PendingLink, content: Content, batch: &mut Batch) {
        let Some(id) = pending.delivery.clone() else { return };
        let client = &pending.client;
        let purpose = Purpose::Link { client: client.id.clone() };
        let (address, body) = (client.address.clone(), Body::Content(content));
        let expires = scene.now + self.policy.expires_after;
        let mut delivery =
            Delivery::queued(id, purpose, scene.integration, address, body, scene.now, expires);
        delivery.user = Some(user.id.clone());
        self.accept(&mut delivery, batch);
        batch.job(NewJob::send(&delivery, scene.now));
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
                    self.tell_link(scene.heard(), &read.value, &link, LinkOutcome::Match, batch).await?;
                    if matches!(link.confirmation, Confirmation::Immediate { .. }) {
                        self.complete(scene, &mut read.value, &link, batch).await?;
                    }
                }
                Notified::Failure { error } => {
                    self.give_up(scene.heard(), &mut read.value, &link, (FAILED, error), batch).await?;
                }
                Notified::User => {}
            }
        }
        save(batch, Some(read.version), &read.value);
        Ok(())
    }
}

/// Has a link wait for its person, as long as links wait.
fn wait(user: &User, pending: &PendingLink, batch: &mut Batch) {
    batch.job(NewJob::expire(user, pending));
    let waiting = Waiting {
        integration: pending.client.integration.clone(),
        address: pending.client.address.clone(),
        user: user.id.clone(),
        client: pending.client.id.clone(),
    };
    let until = Some(pending.expires_at);
    batch.put(Waiting::KIND, waiting.record_id(), &waiting, Expect::Anything, until);
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
        Confirmation::UserActivity { message } => message.clone(),
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
