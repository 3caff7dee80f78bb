//! What follows when a delivery moves: the history entry, the person matched or met, the events.
//!
//! Answers to sends and receipts from providers both end here, so their order does not matter.

use heliograph_connectors::channel::{Channel, Content, Fate, Person, Reach, Stage};

use crate::model::{
    Author, Conversation, CreationReason, Delivery, DeliverySubject, Event, EventDestination, Held,
    Integration, Message, Notified, Purpose, Source, Tenant, Timestamp, User, What,
};
use crate::store::{Batch, Versioned};

use super::identify::Sighting;
use super::known::Known;
use super::records::append_message;
use super::start::Start;
use super::talk::held;
use super::{Core, CoreError, Route};

/// Where and when something happens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) integration: &'a Integration,
    pub(super) channel: &'a dyn Channel,
    pub(super) now: Timestamp,
}

impl<'a> Scene<'a> {
    /// A route at a moment.
    pub(super) fn at(route: Route<'a>, now: Timestamp) -> Scene<'a> {
        let Route { tenant, integration, channel } = route;
        Scene { tenant, integration, channel, now }
    }

    /// The way that led here.
    pub(super) fn route(&self) -> Route<'a> {
        let Scene { tenant, integration, channel, .. } = *self;
        Route { tenant, integration, channel }
    }

    /// Where something comes from that a person does here.
    pub(super) fn source(&self) -> Source {
        Source { integration: Some(self.integration.id.clone()), ..Source::of(&self.integration.kind) }
    }

    /// How far this integration reports, by its own setting or the channel's nature.
    pub(super) fn reach(&self) -> Reach {
        match self.integration.user_receipts {
            Some(true) => Reach::User,
            Some(false) => Reach::Channel,
            None => self.channel.capabilities().reach,
        }
    }

    /// A stage as it is; one that was not reached because of a limit says for how long that holds.
    pub(super) fn with_pause(&self, mut stage: Stage) -> Stage {
        if let Stage::Failed(error) = &mut stage
            && let Fate::Throttled { retry_after: pause @ None, .. } = &mut error.fate
        {
            *pause = Some(self.channel.capabilities().rate.pause);
        }
        stage
    }
}

/// Whose delivery it is, as far as known.
#[derive(Debug, Default)]
pub(super) struct Whose {
    user: Option<User>,
    held: Option<Held>,
}

impl Whose {
    /// A person, wherever it was said.
    fn matched(user: User) -> Whose {
        Whose { user: Some(user), held: None }
    }
}

impl Core {
    /// Writes a delivery that moved, with everything that follows from the move. How it was written.
    pub(super) async fn moved(
        &self,
        scene: Scene<'_>,
        mut read: Versioned<Delivery>,
        mut told: Vec<Notified>,
        batch: &mut Batch,
    ) -> Result<Delivery, CoreError> {
        told.extend(self.keep_provider_ids(scene, &mut read.value, batch).await?);
        if !told.is_empty() {
            match read.value.purpose.clone() {
                Purpose::Link { client } => self.link_moved(scene, &read.value, &client, told, batch).await?,
                Purpose::Notification { author, .. } => {
                    if let Some(whose) = self.recipient(scene, &mut read.value, &told, author, batch).await? {
                        self.tell(scene.tenant, scene.now, &mut read.value, whose, told, batch);
                    }
                }
                Purpose::Ping { .. } => {}
                Purpose::Message { .. } => {
                    if let Some(user) = self.recipient_of_message(scene, &mut read.value, batch).await? {
                        let whose = self.whose(scene.tenant, &read.value, user).await?;
                        self.tell(scene.tenant, scene.now, &mut read.value, whose, told, batch);
                    }
                }
            }
        }
        self.save_delivery(scene.now, &mut read, batch);
        Ok(read.value)
    }

    /// Announces how a delivery moved.
    pub(super) fn tell(
        &self,
        tenant: &Tenant,
        now: Timestamp,
        delivery: &mut Delivery,
        whose: Whose,
        told: Vec<Notified>,
        batch: &mut Batch,
    ) {
        let subject = match &delivery.purpose {
            Purpose::Message { message, .. } => DeliverySubject::Message(message.clone()),
            _ => DeliverySubject::Notification(delivery.id.to_string()),
        };
        for told in told {
            let what = What::Delivery {
                told,
                subject: subject.clone(),
                destination: EventDestination {
                    kind: delivery.channel.clone(),
                    integration: delivery.integration.clone(),
                    address: delivery.destination.clone(),
                },
                external_ids: delivery.external_ids(),
                user: whose.user.clone(),
                conversation: delivery.conversation.clone(),
            };
            let event = Event::new(&tenant.app.id, now, what).within(whose.held.clone());
            for webhook in self.announce(batch, tenant, &event) {
                if !delivery.hearers.contains(webhook) {
                    delivery.hearers.push(webhook.clone());
                }
            }
        }
    }

    /// The person a notification went to. Met and entered into the history when the channel accepts it, so
    /// that refused numbers leave no empty users. The outer `None`: they are erased, and nobody is told of them.
    async fn recipient(
        &self,
        scene: Scene<'_>,
        delivery: &mut Delivery,
        told: &[Notified],
        author: Author,
        batch: &mut Batch,
    ) -> Result<Option<Whose>, CoreError> {
        if delivery.user.is_some() {
            let Some(user) = self.still_known(scene, delivery).await? else { return Ok(None) };
            return Ok(Some(self.whose(scene.tenant, delivery, user).await?));
        }
        if self.barred(&scene.tenant.app.id, delivery).await?.erased {
            return Ok(None);
        }
        if !told.iter().any(|told| matches!(told, Notified::Channel { .. })) {
            let known = self.at_address(scene, &delivery.destination).await?;
            return Ok(Some(known.map_or_else(Whose::default, |known| Whose::matched(known.user))));
        }
        let person = Person { aliases: delivery.aliases.clone(), ..Person::at(delivery.destination.clone()) };
        let mut known = self.meet(scene, &person, batch).await?;
        delivery.user = Some(known.user.id.clone());
        delivery.conversation = Some(known.conversation.id.clone());
        let content = self.shown(scene.route(), &delivery.body).await?;
        let client = known.user.client_at(&scene.integration.id, &delivery.destination).cloned();
        let source = Source::of("notification");
        let start =
            Start { reason: CreationReason::Notification, client: client.as_ref(), source, referral: None };
        self.starts(scene.tenant, &mut known, start, scene.now, batch);
        enter_history(scene, &mut known, delivery, (author, content), batch);
        let held = held(scene.tenant, &known.conversation);
        Ok(Some(Whose { user: Some(known.user), held: Some(held) }))
    }

    /// Whose delivery it is, and in which of their conversations. That is read only where somebody is told more of it
    /// than its id, since a delivery moves twice and more.
    async fn whose(&self, tenant: &Tenant, delivery: &Delivery, user: User) -> Result<Whose, CoreError> {
        let Some(id) = &delivery.conversation else { return Ok(Whose::matched(user)) };
        if *id == user.conversation && !tenant.speaks_v2() && tenant.switchboard.is_none() {
            return Ok(Whose::matched(user));
        }
        let read = self.store.load::<Conversation>(&tenant.app.id, id.as_str()).await?;
        let held = read.map(|read| held(tenant, &read.value));
        Ok(Whose { user: Some(user), held })
    }

    /// The person a message of a conversation went to, with the addresses that its acceptance made known; `None` when
    /// they are erased.
    async fn recipient_of_message(
        &self,
        scene: Scene<'_>,
        delivery: &mut Delivery,
        batch: &mut Batch,
    ) -> Result<Option<User>, CoreError> {
        let Some(user) = self.still_known(scene, delivery).await? else { return Ok(None) };
        if !delivery.aliases.is_empty()
            && let Sighting::Known { mut known, under, free } =
                self.sighted(scene, &addressee(delivery)).await?
            && known.user.id == user.id
        {
            known.learn(scene.integration, &under, &free, batch);
            known.save_user_if_changed(batch);
            return Ok(Some(known.user));
        }
        Ok(Some(user))
    }

    /// The person a delivery was for, under the id they have now.
    async fn still_known(
        &self,
        scene: Scene<'_>,
        delivery: &mut Delivery,
    ) -> Result<Option<User>, CoreError> {
        let Some(id) = &delivery.user else { return Ok(None) };
        let Some(read) = self.person(&scene.tenant.app.id, id).await? else { return Ok(None) };
        let user = read.value;
        if user.id != *id {
            delivery.conversation = delivery.conversation.take().map(|_| user.conversation.clone());
            delivery.user = Some(user.id.clone());
        }
        Ok(Some(user))
    }
}

/// Whom a delivery is for, as far as it and its acceptance say.
fn addressee(delivery: &Delivery) -> Person {
    Person { aliases: delivery.aliases.clone(), ..Person::at(delivery.destination.clone()) }
}

/// Puts a notification into the conversation of the person it reached.
fn enter_history(
    scene: Scene<'_>,
    known: &mut Known,
    delivery: &Delivery,
    (author, content): (Author, Content),
    batch: &mut Batch,
) {
    let received = known.conversation.next_message_at(scene.now);
    let source = Source::of("notification");
    let message = Message {
        delivery: Some(delivery.id.clone()),
        ..Message::new(&known.conversation.id, author, received, content, source)
    };
    known.conversation.recent_notifications += 1;
    known.conversation.message_count += 1;
    for participant in &mut known.conversation.participants {
        participant.unread += 1;
    }
    append_message(batch, scene.tenant, &message);
    known.save_changed(batch);
}
