//! Posts over a store.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::core::known::Known;
use crate::core::records::messages_of;
use crate::core::{Policy, Window};
use crate::model::{App, Clock, Integration, SystemClock, Webhook, WebhookVersion, Work};
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
        known.user.clients.push(Client::new(Id::new("c"), Id::new("a"), "twilio", "+15145550101"));
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
            speaker: None,
            content: contents.next().expect("a text"),
            extra: contents.collect(),
            instead: Vec::new(),
            payload: None,
            metadata: Map::new(),
            destination: None,
            beside: Beside::default(),
        };
        let once = Once { mark: None, status: 201, answer: |_| Value::Null };
        self.core.post(&self.tenant, Talk::DefaultOf(self.user.id.as_str()), post, &|_| None, once).await
    }

    /// What waits in the queues to be done, group by group in the order it is given out.
    async fn waiting(&self) -> Vec<Work> {
        let (mut found, now) = (Vec::new(), self.core.now());
        for queue in self.store.queues() {
            let epoch = self.store.lease(queue).await.expect("a lease");
            while let Some((group, _)) = self.store.groups(queue, 1).await.expect("groups").pop() {
                for job in self.store.claim(queue, epoch, &group, now, 1).await.expect("jobs") {
                    let nothing = Batch::new(&self.tenant.app.id);
                    self.store.settle(queue, epoch, &job, Settlement::Done, nothing).await.expect("settled");
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
        integration: None,
        name: None,
        declared: false,
    }
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

    let kept =
        stage.core.messages(&stage.tenant, Talk::DefaultOf(stage.user.id.as_str()), Window::Newest).await;
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
    assert_eq!(sends.collect::<Vec<_>>(), all.iter().map(|message| message.id.as_str()).collect::<Vec<_>>());
    let told = waiting.iter().filter_map(|work| match work {
        Work::Announce { event, .. } => Some(event),
        _ => None,
    });
    let told = told.map(|event| match &event.what {
        What::ConversationStarted { user: Some(user), .. } => ("the start", user.conversation_started),
        What::Message { message, user: Some(user), .. } => (text_of(message), user.conversation_started),
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
