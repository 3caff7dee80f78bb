//! What providers tell us: each event once, whatever they repeat.

use heliograph_connectors::channel::{Content, InboundEvent, InboundMessage, Person, Receipt, Stage};
use tracing::info;

use crate::model::{
    Confirmation, Conversation, Delivery, Message, NewJob, Notified, Source, State, Tenant, Timestamp, User,
    What,
};
use crate::store::{Batch, Cut, Expect};

use super::approved::forget_refused;
use super::control::on_activity;
use super::identify::name_of;
use super::known::Known;
use super::link::{Answer, answer};
use super::media::size_of;
use super::postback::{Press, carries};
use super::records::{Waiting, address_id, append_message, messages_of, referred, save};
use super::settle::Scene;
use super::start::Start;
use super::talk::event;
use super::{Core, CoreError, Route, retried};

/// Notifications given as context with a reply, at most: the newest ones.
const RECENT_MAX: usize = 100;

impl Core {
    /// Takes in what a proven hook said. When this returns, everything in it is durable, or was before.
    pub async fn ingest(
        &self,
        route: Route<'_>,
        replay_key: Option<&str>,
        mut events: Vec<InboundEvent>,
    ) -> Result<(), CoreError> {
        let app = &route.tenant.app.id;
        let mark = replay_key.map(|key| format!("token:{}:{key}", route.integration.id));
        if let Some(mark) = &mark
            && self.was_seen(app, mark).await?
        {
            return Ok(());
        }
        // What led a person here comes first: it is told with the start of their conversation.
        events.sort_by_key(|event| !matches!(event, InboundEvent::Referral { .. }));
        for event in events {
            self.ingest_one(route, event).await?;
        }
        // Marked after the effects, which are each taken in once: a crash between the two repeats nothing.
        if let Some(mark) = mark {
            let mut batch = Batch::new(app);
            self.mark_seen(&mut batch, &mark, Expect::Anything);
            self.store.commit(batch).await?;
        }
        Ok(())
    }

    async fn ingest_one(&self, route: Route<'_>, event: InboundEvent) -> Result<(), CoreError> {
        retried(|| {
            let scene = Scene::at(route, self.clock.now());
            self.try_ingest(scene, &event)
        })
        .await
    }

    async fn try_ingest(&self, scene: Scene<'_>, event: &InboundEvent) -> Result<(), CoreError> {
        match event {
            InboundEvent::Message(said) => self.said(scene, said).await,
            InboundEvent::Postback { provider_id, from, payload } => {
                self.pressed(scene, provider_id, from, payload).await
            }
            InboundEvent::Receipt(receipt) => {
                self.receipt(scene, receipt).await?;
                match receipt.stage {
                    Stage::Read => self.read_receipt(scene, receipt).await,
                    _ => Ok(()),
                }
            }
            InboundEvent::OptOut { from } => self.opt(scene, &from.address, true).await,
            InboundEvent::OptIn { from } => self.opt(scene, &from.address, false).await,
            InboundEvent::Reached { from, up_to } => {
                self.reached(scene, from, Timestamp::from_millis(*up_to), Stage::Delivered).await
            }
            InboundEvent::Read { from, up_to } => {
                let up_to = Timestamp::from_millis(*up_to);
                self.reached(scene, from, up_to, Stage::Read).await?;
                self.read_until(scene, from, up_to).await
            }
            InboundEvent::Typing { from, started } => self.typing(scene, from, *started).await,
            InboundEvent::Referral { provider_id, from, code, details } => {
                self.referred_here(scene, provider_id, from, code, details).await
            }
            InboundEvent::Unrecognised { kind } => {
                info!(integration = %scene.integration.id, kind, "unrecognised provider event");
                Ok(())
            }
        }
    }

    /// A person wrote.
    async fn said(&self, scene: Scene<'_>, said: &InboundMessage) -> Result<(), CoreError> {
        let app = &scene.tenant.app.id;
        let mark = format!("{}:{}", scene.integration.id, said.provider_id);
        if self.was_seen(app, &mark).await? {
            return Ok(());
        }
        if self.answers_link(scene, said, &mark).await? || self.redeemed(scene, said, &mark).await? {
            return Ok(());
        }
        let mut batch = Batch::new(app);
        self.mark_seen(&mut batch, &mark, Expect::Absent);
        let mut known = self.meet(scene, &said.from, &mut batch).await?;
        let recent_notifications = self.recent_notifications(scene.tenant, &known.conversation).await?;
        let content = self.with_own_address(scene, said, &known.user.id, &mut batch).await?;
        let mut message = self.enter(scene, &mut known, said, content);
        if let Some(quoted) = &said.quoted {
            message.quoted = Some(self.quoted(app, &message.conversation, quoted).await?);
        }
        let client = known.user.client_at(&scene.integration.id, &said.from.address).cloned();
        let (tenant, source) = (scene.tenant, scene.source());
        self.starts(tenant, &mut known, Start::by_message(client.as_ref(), source), scene.now, &mut batch);
        on_activity(tenant, &mut known.conversation);
        append_message(&mut batch, tenant, &message);
        known.save(&mut batch);
        let what = What::Message { message, user: Some(known.user), client, recent_notifications };
        self.announce(&mut batch, tenant, &event(tenant, &known.conversation, scene.now, what));
        self.store.commit(batch).await?;
        Ok(())
    }

    /// If a link waits for this person, lets the words decide it. True when they were nothing but the answer
    /// to the platform's question; otherwise they are also the first message of the linked user.
    async fn answers_link(
        &self,
        scene: Scene<'_>,
        said: &InboundMessage,
        mark: &str,
    ) -> Result<bool, CoreError> {
        let app = &scene.tenant.app.id;
        let address = address_id(&scene.integration.id, &said.from.address);
        let Some(waiting) = self.store.load::<Waiting>(app, &address).await? else {
            return Ok(false);
        };
        let mut read = referred::<User>(&*self.store, app, waiting.value.user.as_str()).await?;
        let Some(link) =
            read.value.pending.iter().find(|link| link.client.id == waiting.value.client).cloned()
        else {
            return Ok(false);
        };
        let mut batch = Batch::new(app);
        match answer(&link, &said.content, scene.now) {
            Answer::SaysNothing => return Ok(false),
            Answer::Confirms => self.complete(scene, &mut read.value, &link, &mut batch).await?,
            Answer::Declines => self.declined(scene, &mut read.value, &link, &mut batch).await?,
        }
        save(&mut batch, Some(read.version), &read.value);
        let only_an_answer = matches!(link.confirmation, Confirmation::Prompt);
        if only_an_answer {
            self.mark_seen(&mut batch, mark, Expect::Absent);
        }
        self.store.commit(batch).await?;
        Ok(only_an_answer)
    }

    /// Makes the message and moves user, client and conversation along.
    fn enter(&self, scene: Scene<'_>, known: &mut Known, said: &InboundMessage, content: Content) -> Message {
        let (integration, address) = (&scene.integration.id, said.from.address.as_str());
        known.seen_at(integration, address, scene.now);
        let mut clients = known.user.clients.iter_mut();
        let client = clients.find(|client| client.is_at(integration, address)).map(|client| {
            client.thread = said.thread.clone().or(client.thread.take());
            if !said.from.raw.is_null() {
                client.raw = said.from.raw.clone();
            }
            client.id.clone()
        });
        let word = scene.channel.capabilities().word;
        let name = name_of(scene.tenant, &known.user, Some(word), Some(address));
        let source = Source {
            client,
            original_id: Some(said.provider_id.to_owned()),
            original_at: said.at.map(Timestamp::from_millis),
            ..scene.source()
        };
        let content = scene.tenant.masked(content);
        let message = known.hears(name, scene.now, content, source, said.payload.clone());
        Message { media_size: said.media.as_ref().and_then(size_of), ..message }
    }

    /// The notifications since the person last wrote, oldest first.
    pub(super) async fn recent_notifications(
        &self,
        tenant: &Tenant,
        conversation: &Conversation,
    ) -> Result<Vec<Message>, CoreError> {
        if conversation.recent_notifications == 0 {
            return Ok(Vec::new());
        }
        let app = &tenant.app.id;
        let since = conversation.last_user_message_at.max(self.shown_since(tenant, conversation));
        let since = since.map_or(i64::MIN, Timestamp::millis);
        let page =
            self.store.page(app, &messages_of(&conversation.id), Cut::Newest { limit: RECENT_MAX }).await?;
        let ids: Vec<String> =
            page.into_iter().filter(|entry| entry.rank > since).map(|entry| entry.member).collect();
        let found = self.store.load_all::<Message>(app, &ids).await?;
        let messages = found.into_iter().flatten().map(|read| read.value);
        Ok(messages.filter(|message| message.source.kind == "notification").collect())
    }

    /// A person pressed a button.
    async fn pressed(
        &self,
        scene: Scene<'_>,
        provider_id: &str,
        from: &Person,
        payload: &str,
    ) -> Result<(), CoreError> {
        let app = &scene.tenant.app.id;
        let mark = format!("{}:{provider_id}", scene.integration.id);
        if self.was_seen(app, &mark).await? {
            return Ok(());
        }
        let mut batch = Batch::new(app);
        self.mark_seen(&mut batch, &mark, Expect::Absent);
        let mut known = self.meet(scene, from, &mut batch).await?;
        known.seen_at(&scene.integration.id, &from.address, scene.now);
        let button =
            self.button(scene.tenant, &known.conversation, |button| carries(button, payload)).await?;
        let press = Press {
            client: known.user.client_at(&scene.integration.id, &from.address).cloned(),
            source: scene.source(),
            word: Some(scene.channel.capabilities().word),
            payload,
            button,
        };
        self.pressed_by(scene.tenant, &mut known, press, scene.now, &mut batch);
        known.save(&mut batch);
        self.store.commit(batch).await?;
        Ok(())
    }

    /// A provider says what became of a message of ours.
    pub(super) async fn receipt(&self, scene: Scene<'_>, receipt: &Receipt) -> Result<(), CoreError> {
        let app = &scene.tenant.app.id;
        let Some(reference) = self.reference_of(scene, receipt).await? else {
            info!(integration = %scene.integration.id, status = receipt.status, "receipt for an unknown message");
            return Ok(());
        };
        let (id, part) = Delivery::parse_reference(&reference);
        let found = self.store.load::<Delivery>(app, id.as_str()).await?;
        let Some(mut read) = found.filter(|read| read.value.integration == scene.integration.id) else {
            info!(delivery = %id, status = receipt.status, "receipt for a message no longer kept");
            return Ok(());
        };
        let delivery = &mut read.value;
        let provider_id = receipt.provider_id.clone();
        let is_known = delivery.knows_of(part, provider_id.as_deref());
        if !delivery.reported(part, &receipt.status, scene.now) && delivery.told_final && is_known {
            // Said before, and nothing can follow from it any more.
            return Ok(());
        }
        let is_worked = matches!(delivery.state, State::Queued | State::Sending { .. });
        let stage = scene.with_pause(receipt.stage.clone());
        let told = delivery.receipt(part, provider_id, stage, scene.reach(), scene.now);
        let lag = delivery.accepted_at().filter(|_| told.contains(&Notified::User));
        let mut batch = Batch::new(app);
        if let Stage::Failed(error) = &receipt.stage {
            forget_refused(scene.route(), &read.value.body, error.provider_code.as_deref(), &mut batch);
        }
        let moved = self.moved(scene, read, told, &mut batch).await?;
        if !is_worked && moved.state == State::Queued {
            // As old as it is, it comes before what waits: its integration may have to slow down.
            batch.job(NewJob::send(&moved, moved.created));
        }
        self.store.commit(batch).await?;
        if let Some(accepted) = lag {
            self.metrics.receipt(scene.channel.capabilities().kind, scene.now.since(accepted));
        }
        Ok(())
    }
}
