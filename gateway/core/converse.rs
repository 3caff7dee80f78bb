//! Posting into a conversation, and which of a person's identities hears of it.

use heliograph_connectors::channel::{Body, Content};
use serde_json::{Map, Value};

use crate::model::{
    Author, Client, ClientStatus, Conversation, Delivery, Event, Id, Integration, Message, NewJob, Purpose,
    Role, Source, Tenant, Timestamp, User, What,
};
use crate::store::Batch;

use super::activity::FindChannel;
use super::approved::Instead;
use super::identify::{Known, name_of};
use super::records::append_message;
use super::{Core, CoreError, Once, retried};

/// Messages a conversation may hold (Sunshine v1.1, limits).
const MESSAGES_MAX: usize = 30_000;

/// A message to be said in a user's conversation.
#[derive(Debug, Clone)]
pub struct Post {
    /// Who says it.
    pub author: Author,
    /// What.
    pub content: Content,
    /// What is said in the same breath, each as a message of its own.
    pub extra: Vec<Content>,
    /// What goes out in the stead of some of it on channels that have words of their own for it.
    pub instead: Vec<Instead>,
    /// What a quick reply carried.
    pub payload: Option<String>,
    /// The business's own facts.
    pub metadata: Map<String, Value>,
    /// Where it is to go; the channel the person used last when unset.
    pub destination: Option<Toward>,
}

/// Where a message is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Toward {
    /// Through one integration.
    Integration(Id<Integration>),
    /// Through whichever integration of a type the person has.
    Kind(String),
}

impl Post {
    /// All that is said, in order.
    fn contents(&self) -> impl Iterator<Item = &Content> {
        std::iter::once(&self.content).chain(&self.extra)
    }

    /// What goes out to somebody in the stead of the content at a place.
    fn instead(&self, place: usize, client: &Client) -> Option<&Instead> {
        self.instead.iter().find(|instead| instead.place == place && instead.kind == client.kind)
    }
}

/// A message as it was stored.
#[derive(Debug, Clone)]
pub struct Posted {
    /// The message.
    pub message: Message,
    /// Those said in the same breath, in order.
    pub extra: Vec<Message>,
    /// Its conversation, as it stands now.
    pub conversation: Conversation,
}

impl Core {
    /// Says something in a user's conversation. What the business says goes out on the person's channel.
    pub async fn post(
        &self,
        tenant: &Tenant,
        user: &str,
        post: Post,
        channels: FindChannel<'_>,
        once: Once<'_, Posted>,
    ) -> Result<Posted, CoreError> {
        retried(|| self.try_post(tenant, user, &post, channels, &once)).await
    }

    async fn try_post(
        &self,
        tenant: &Tenant,
        user: &str,
        post: &Post,
        channels: FindChannel<'_>,
        once: &Once<'_, Posted>,
    ) -> Result<Posted, CoreError> {
        let now = self.clock.now();
        let mut known = self.find_known(tenant, user).await?;
        if known.conversation.message_count as usize + post.contents().count() > MESSAGES_MAX {
            return Err(CoreError::ConversationFull);
        }
        let client = match post.author.role {
            Role::Business => choose(tenant, &known.user, post.destination.as_ref())?.cloned(),
            Role::User => None,
        };
        let mut recent_notifications = match post.author.role {
            Role::Business => Vec::new(),
            Role::User => self.recent_notifications(tenant, &known.conversation).await?,
        };
        let author = author_of(tenant, &known.user, &post.author, channels)?;
        let mut batch = Batch::new(&tenant.app.id);
        self.starts(tenant, &mut known, client.as_ref(), &Source::of("api"), None, now, &mut batch);
        let mut messages = Vec::new();
        for (place, content) in post.contents().enumerate() {
            let instead = client.as_ref().and_then(|client| post.instead(place, client));
            let content = instead.map_or(content, |instead| &instead.shown);
            let message = said(tenant, &mut known, &author, content, post, now);
            append_message(&mut batch, tenant, &message);
            if let Some(client) = &client {
                let exact = instead.map(|instead| instead.body.clone());
                let body = exact.unwrap_or_else(|| Body::Content(message.content.clone()));
                self.dispatch(tenant, &known.user.id, (client, body), &message, now, &mut batch);
            }
            let what = What::Message {
                message: message.clone(),
                user: known.user.clone(),
                client: client.clone(),
                recent_notifications: std::mem::take(&mut recent_notifications),
            };
            self.announce(&mut batch, tenant, &Event::new(&tenant.app.id, now, what));
            messages.push(message);
        }
        known.save_changed(&mut batch);
        let message = messages.remove(0);
        let posted = Posted { message, extra: messages, conversation: known.conversation };
        once.enter(&mut batch, now, &posted);
        self.store.commit(batch).await?;
        Ok(posted)
    }

    /// Queues a message for one of the person's identities. Its delivery has the message's id.
    fn dispatch(
        &self,
        tenant: &Tenant,
        user: &Id<User>,
        (client, body): (&Client, Body),
        message: &Message,
        now: Timestamp,
        batch: &mut Batch,
    ) {
        let Some(integration) = tenant.integration(&client.integration) else { return };
        let mut delivery = Delivery::queued(
            Id::new(message.id.as_str()),
            Purpose::Message { message: message.id.clone(), author: message.author.name.clone() },
            integration,
            client.address.clone(),
            body,
            now,
            now + self.policy.expires_after,
        );
        delivery.user = Some(user.clone());
        delivery.conversation = Some(message.conversation.clone());
        self.accept(&mut delivery, batch);
        batch.job(NewJob::send(&delivery, now));
    }
}

/// Who says it, under the name that is shown: a person's is that of the channel they used last.
fn author_of(
    tenant: &Tenant,
    user: &User,
    given: &Author,
    channels: FindChannel<'_>,
) -> Result<Author, CoreError> {
    let name = match (&given.name, given.role) {
        (Some(name), _) => name.clone(),
        (None, Role::Business) => tenant.app.name.clone(),
        (None, Role::User) => {
            let last = choose(tenant, user, None)?;
            let channel = last.and_then(|client| channels(&client.integration));
            let word = channel.as_ref().map(|channel| channel.capabilities().word);
            name_of(tenant, user, word, last.map(|client| client.address.as_str()))
        }
    };
    let user = matches!(given.role, Role::User).then(|| user.id.clone());
    Ok(Author { user, name: Some(name), ..given.clone() })
}

/// The next message of a post, which moves its conversation along.
fn said(
    tenant: &Tenant,
    known: &mut Known,
    author: &Author,
    content: &Content,
    post: &Post,
    now: Timestamp,
) -> Message {
    let conversation = &mut known.conversation;
    let received = conversation.next_message_at(now);
    conversation.message_count += 1;
    match author.role {
        Role::Business => {
            conversation.participants.iter_mut().for_each(|participant| participant.unread += 1);
            // Whoever answers has read.
            conversation.business_last_read = Some(received);
        }
        Role::User => conversation.said_by(&known.user.id, received),
    }
    Message {
        id: Id::fresh(received),
        conversation: conversation.id.clone(),
        author: author.clone(),
        received,
        content: match author.role {
            Role::Business => content.clone(),
            Role::User => tenant.masked(content.clone()),
        },
        source: Source::of("api"),
        payload: post.payload.clone(),
        metadata: post.metadata.clone(),
        delivery: None,
        media_size: None,
        quoted: None,
    }
}

/// The identity a message goes to: where the caller says, else where the person was last. Where the integration is
/// gone nobody can be reached.
pub(super) fn choose<'a>(
    tenant: &Tenant,
    user: &'a User,
    toward: Option<&Toward>,
) -> Result<Option<&'a Client>, CoreError> {
    let fits = |client: &&Client| match toward {
        None => true,
        Some(Toward::Integration(id)) => client.integration == *id,
        Some(Toward::Kind(kind)) => client.kind == *kind,
    };
    let is_live = |client: &&Client| {
        client.status == ClientStatus::Active && tenant.integration(&client.integration).is_some()
    };
    let usable = user.clients.iter().filter(is_live).filter(fits);
    let chosen = usable.max_by_key(|client| client.last_seen.max(client.linked_at));
    if chosen.is_none() && toward.is_some() {
        return Err(CoreError::Invalid("destination: the user has no client there".into()));
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::core::records::messages_of;
    use crate::core::{Policy, Window};
    use crate::model::{App, Clock, SystemClock, Webhook, WebhookVersion, Work};
    use crate::store::{self, Cut, Settlement, Store};

    /// A store, and an app with one user who has a client.
    struct Stage {
        core: Core,
        store: Arc<dyn Store>,
        tenant: Tenant,
        user: User,
    }

    impl Stage {
        async fn set(messages: u32) -> Stage {
            let clock: Arc<dyn Clock> = Arc::new(SystemClock);
            let store = store::open("embedded::memory:", 1, clock.clone()).await.expect("a store");
            let policy = Policy::lasting(Duration::from_secs(3600));
            let core = Core::new(store.clone(), clock, policy, |_, _| true, Arc::default());
            let integration = Integration::new(Id::new("a"), Id::new("app"), "twilio", Map::new());
            let app = App::new(Id::new("app"), "Demo");
            let tenant =
                Tenant { integrations: vec![integration], webhooks: vec![webhook()], ..Tenant::new(app) };
            let mut known = Known::stranger(core.now());
            known.user.clients.push(client("a", Some(1)));
            known.conversation.message_count = messages;
            let mut batch = Batch::new(&tenant.app.id);
            known.save(&mut batch);
            store.commit(batch).await.expect("written");
            Stage { core, store, tenant, user: known.user }
        }

        async fn post(&self, texts: &[&str]) -> Result<Posted, CoreError> {
            let mut contents = texts.iter().map(|text| Content::text(*text));
            let post = Post {
                author: Author::business(),
                content: contents.next().expect("a text"),
                extra: contents.collect(),
                instead: Vec::new(),
                payload: None,
                metadata: Map::new(),
                destination: None,
            };
            let once = Once { mark: None, status: 201, answer: |_| Value::Null };
            self.core.post(&self.tenant, self.user.id.as_str(), post, &|_| None, once).await
        }

        /// What waits in the queues to be done, group by group in the order it is given out.
        async fn waiting(&self) -> Vec<Work> {
            let (mut found, now) = (Vec::new(), self.core.now());
            for queue in self.store.queues() {
                let epoch = self.store.lease(queue).await.expect("a lease");
                while let Some((group, _)) = self.store.groups(queue, 1).await.expect("groups").pop() {
                    for job in self.store.claim(queue, epoch, &group, now, 1).await.expect("jobs") {
                        let nothing = Batch::new(&self.tenant.app.id);
                        self.store
                            .settle(queue, epoch, &job, Settlement::Done, nothing)
                            .await
                            .expect("settled");
                        found.push(job.work);
                    }
                }
            }
            found
        }
    }

    fn webhook() -> Webhook {
        Webhook {
            id: Id::new("hook"),
            app: Id::new("app"),
            target: "https://example.com/".into(),
            triggers: ["message".to_owned()].into(),
            secret: "fake-secret".into(),
            version: WebhookVersion::V1,
            include_client: false,
            include_full_user: false,
            declared: false,
        }
    }

    fn client(integration: &str, seen: Option<i64>) -> Client {
        Client {
            id: Id::new(format!("c-{integration}")),
            kind: "twilio".into(),
            integration: Id::new(integration),
            address: "+15145550101".into(),
            status: ClientStatus::Active,
            display_name: None,
            raw: Value::Null,
            last_seen: seen.map(Timestamp::from_millis),
            linked_at: None,
            aliases: Vec::new(),
            thread: None,
            avatar_url: None,
            info: Default::default(),
        }
    }

    #[test]
    fn messages_go_where_the_person_was_last_unless_told_otherwise() {
        let user = User {
            clients: vec![
                client("a", Some(1)),
                client("b", Some(2)),
                client("c", None),
                client("gone", Some(3)),
            ],
            ..User::new(Timestamp::from_millis(0))
        };
        let of = |id| Integration::new(Id::new(id), Id::new("app"), "twilio", Map::new());
        let integrations = vec![of("a"), of("b"), of("c")];
        let tenant = Tenant { integrations, ..Tenant::new(App::new(Id::new("app"), "Demo")) };
        let chosen = |toward: Option<Toward>| {
            choose(&tenant, &user, toward.as_ref()).map(|c| c.map(|c| c.id.to_string()))
        };
        assert_eq!(chosen(None).expect("any will do"), Some("c-b".into()));
        assert_eq!(chosen(Some(Toward::Integration(Id::new("c")))).expect("is linked"), Some("c-c".into()));
        assert!(chosen(Some(Toward::Kind("whatsapp".into()))).is_err());
        assert!(chosen(Some(Toward::Integration(Id::new("gone")))).is_err());
        assert!(matches!(choose(&tenant, &User::new(Timestamp::from_millis(0)), None), Ok(None)));
    }

    fn text_of(message: &Message) -> &str {
        let Content::Text { text, .. } = &message.content else { panic!("a text") };
        text
    }

    #[tokio::test]
    async fn what_is_said_in_one_breath_is_so_many_messages_in_order() {
        let stage = Stage::set(7).await;
        let posted = stage.post(&["one", "two", "three"]).await.expect("posted");
        let all: Vec<&Message> = std::iter::once(&posted.message).chain(&posted.extra).collect();
        assert_eq!(all.iter().map(|message| text_of(message)).collect::<Vec<_>>(), ["one", "two", "three"]);
        assert!(all.windows(2).all(|pair| pair[0].received < pair[1].received && pair[0].id != pair[1].id));

        let kept = stage.core.messages(&stage.tenant, stage.user.id.as_str(), Window::Newest).await;
        let kept = kept.expect("the history");
        assert_eq!(kept.messages.iter().collect::<Vec<_>>(), all);
        let Conversation { message_count, participants, business_last_read, .. } = &kept.conversation;
        assert_eq!((*message_count, participants[0].unread), (10, 3));
        assert_eq!(*business_last_read, Some(posted.extra[1].received));
        assert_eq!(posted.conversation, kept.conversation);

        let waiting = stage.waiting().await;
        let sends = waiting.iter().filter_map(|work| match work {
            Work::Send { delivery } => Some(delivery.as_str()),
            _ => None,
        });
        assert_eq!(
            sends.collect::<Vec<_>>(),
            all.iter().map(|message| message.id.as_str()).collect::<Vec<_>>()
        );
        let told = waiting.iter().filter_map(|work| match work {
            Work::Announce { event, .. } => Some(event),
            _ => None,
        });
        let told = told.map(|event| match &event.what {
            What::ConversationStarted { user, .. } => ("the start", user.conversation_started),
            What::Message { message, user, .. } => (text_of(message), user.conversation_started),
            other => panic!("{other:?}"),
        });
        let expected = [("the start", true), ("one", true), ("two", true), ("three", true)];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }

    #[tokio::test]
    async fn a_conversation_takes_all_that_is_said_in_one_breath_or_nothing() {
        let stage = Stage::set(29_998).await;
        assert!(matches!(stage.post(&["one", "two", "three"]).await, Err(CoreError::ConversationFull)));
        let list = messages_of(&stage.user.conversation);
        let page = stage.store.page(&stage.tenant.app.id, &list, Cut::Newest { limit: 10 }).await;
        assert!(page.expect("a page").is_empty() && stage.waiting().await.is_empty());
        let posted = stage.post(&["one", "two"]).await.expect("posted");
        assert_eq!(posted.conversation.message_count, 30_000);
        assert!(matches!(stage.post(&["three"]).await, Err(CoreError::ConversationFull)));
    }
}
