//! Merges of people with several conversations, over a store in memory.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::*;
use crate::core::Policy;
use crate::core::known::Known;
use crate::core::records::conversations_of;
use crate::model::App as Application;
use crate::model::{
    AppSettings, ClientStatus, ConversationKind, Integration, Participant, SystemClock, Webhook,
    WebhookVersion, Work,
};
use crate::store::{self, Cut, Store};

/// A store with an app whose people may have several conversations, or one.
struct Stage {
    store: Arc<dyn Store>,
    core: Core,
    tenant: Tenant,
}

impl Stage {
    async fn set(multi_convo_enabled: bool) -> Stage {
        let clock = Arc::new(SystemClock);
        let store = store::open("embedded::memory:", 1, clock.clone()).await.expect("a store");
        let policy = Policy::lasting(Duration::from_secs(3600));
        let core = Core::new(store.clone(), clock, policy, |_, _| true, Arc::default());
        let mut app = Application::new(Id::new("app"), "Demo");
        app.settings = AppSettings { multi_convo_enabled, ..app.settings };
        let integration = Integration::new(Id::new("i"), Id::new("app"), "twilio", Map::new());
        let tenant =
            Tenant { integrations: vec![integration], webhooks: vec![webhook()], ..Tenant::new(app) };
        Stage { store, core, tenant }
    }

    /// Somebody at a number, in whose default conversation something was said, or not.
    async fn person(&self, number: &str, has_started: bool) -> User {
        let mut known = Known::stranger(self.core.now());
        known.user.conversation_started = has_started;
        known.conversation.message_count = u32::from(has_started);
        known.user.clients.push(Client::new(Id::random(), Id::new("i"), "twilio", number));
        let mut batch = Batch::new(&self.tenant.app.id);
        list_default(&mut known.user, &known.conversation, &mut batch);
        known.save(&mut batch);
        self.store.commit(batch).await.expect("written");
        known.user
    }

    /// More conversations of somebody.
    async fn converse(&self, user: &User, kind: ConversationKind, others: &[&User]) -> Id<Conversation> {
        let now = self.core.now();
        let people = std::iter::once(user).chain(others.iter().copied());
        let people = people.map(|user| Participant::new(&user.id, now)).collect();
        let conversation = Conversation::new(kind, people, now);
        let mut batch = Batch::new(&self.tenant.app.id);
        batch.insert(&conversation);
        for person in &conversation.participants {
            batch.append(conversations_of(&person.user), now.millis(), conversation.id.as_str());
        }
        self.store.commit(batch).await.expect("written");
        conversation.id
    }

    async fn merge(&self, surviving: &User, discarded: &User) -> User {
        let once = Once { mark: None, status: 200, answer: |()| Value::Null };
        let merged = self.core.merge(&self.tenant, surviving.id.as_str(), discarded.id.as_str(), once).await;
        merged.expect("merged");
        self.core.user(&self.tenant, surviving.id.as_str()).await.expect("it is there")
    }

    async fn conversation(&self, id: &Id<Conversation>) -> Option<Conversation> {
        let found = self.store.load::<Conversation>(&self.tenant.app.id, id.as_str()).await;
        found.expect("a look").map(|read| read.value)
    }

    /// The conversations in somebody's list.
    async fn list(&self, user: &Id<User>) -> Vec<String> {
        let cut = Cut::After { rank: i64::MIN, limit: 1000 };
        let page = self.store.page(&self.tenant.app.id, &conversations_of(user), cut).await;
        let mut ids: Vec<String> = page.expect("a look").into_iter().map(|entry| entry.member).collect();
        ids.sort();
        ids
    }

    /// What was told of the only merge.
    async fn told(&self) -> Box<Union> {
        let jobs = self.store.jobs(&self.tenant.app.id, None, 1000).await.expect("a look").found;
        let told = jobs.into_iter().filter_map(|job| match job.work {
            Work::Announce { event, .. } => Some(event.what),
            _ => None,
        });
        let mut merged = told.filter_map(|what| match what {
            What::Merged { details, .. } => details,
            _ => None,
        });
        merged.next_back().expect("a merge was told")
    }
}

fn webhook() -> Webhook {
    let stored = json!({
        "id": "hook", "app": "app", "target": "https://example.com/", "triggers": ["*"], "secret": "fake-secret",
        "version": "v2", "includeClient": false, "includeFullUser": false, "declared": false,
    });
    let webhook: Webhook = serde_json::from_value(stored).expect("a webhook");
    assert_eq!(webhook.version, WebhookVersion::V2);
    webhook
}

fn sorted(ids: &[&Id<Conversation>]) -> Vec<String> {
    let mut ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn where_people_have_one_conversation_two_become_one() {
    let stage = Stage::set(false).await;
    let (one, two) = (stage.person("+1", true).await, stage.person("+2", true).await);
    let merged = stage.merge(&one, &two).await;
    assert_eq!(merged.conversation, one.conversation);
    assert_eq!(stage.conversation(&two.conversation).await, None);
    assert_eq!(stage.conversation(&one.conversation).await.expect("it is there").message_count, 2);
    assert_eq!(stage.list(&one.id).await, sorted(&[&one.conversation]));
    assert!(merged.clients.iter().all(|client| client.is_seated(&merged, &one.conversation)));
    let (stays, goes) = stage.told().await.conversations.expect("two became one");
    assert_eq!((stays.id, goes.id), (one.conversation, two.conversation));
}

#[tokio::test]
async fn where_they_may_have_several_both_stay() {
    let stage = Stage::set(true).await;
    let (one, two) = (stage.person("+1", true).await, stage.person("+2", true).await);
    let merged = stage.merge(&one, &two).await;
    assert_eq!(merged.conversation, one.conversation);
    let other = stage.conversation(&two.conversation).await.expect("it stays");
    assert!(!other.is_default && other.has(&one.id) && !other.has(&two.id));
    assert_eq!(stage.list(&one.id).await, sorted(&[&one.conversation, &two.conversation]));
    assert!(stage.list(&two.id).await.is_empty());
    let at = |number: &str| merged.client_at(&Id::new("i"), number).expect("it is theirs").clone();
    assert!(at("+1").is_seated(&merged, &one.conversation) && at("+2").is_seated(&merged, &two.conversation));
    let told = stage.told().await;
    assert_eq!((&*told.reason, &told.conversations, told.discarded.id), ("api", &None, two.id));
}

#[tokio::test]
async fn a_free_place_is_taken_by_what_was_begun() {
    let stage = Stage::set(true).await;
    let (one, two) = (stage.person("+1", false).await, stage.person("+2", true).await);
    let merged = stage.merge(&one, &two).await;
    assert_eq!((&merged.conversation, merged.conversation_started), (&two.conversation, true));
    assert_eq!(stage.conversation(&one.conversation).await, None);
    let conversation = stage.conversation(&two.conversation).await.expect("it stays");
    assert!(conversation.is_default && conversation.has(&one.id));
    assert_eq!(stage.list(&one.id).await, sorted(&[&two.conversation]));
    assert!(merged.clients.iter().all(|client| client.is_seated(&merged, &two.conversation)));
    let nobody = stage.person("+3", false).await;
    let merged = stage.merge(&merged, &nobody).await;
    assert_eq!(merged.conversation, two.conversation);
    assert_eq!(stage.conversation(&nobody.conversation).await, None);
    assert_eq!(stage.list(&one.id).await, sorted(&[&two.conversation]));
}

#[tokio::test]
async fn all_other_conversations_follow_in_bites() {
    let stage = Stage::set(true).await;
    let app = stage.tenant.app.id.clone();
    let (one, two) = (stage.person("+1", true).await, stage.person("+2", true).await);
    let (group, shared) = (ConversationKind::SdkGroup, [&one]);
    let mut ids = vec![stage.converse(&two, group, &shared).await, stage.converse(&two, group, &[]).await];
    for _ in 0..250 {
        ids.push(stage.converse(&two, ConversationKind::Personal, &[]).await);
    }
    stage.merge(&one, &two).await;
    // Until all are passed on, the old name leads to the new one.
    let person = stage.core.person(&app, &two.id).await.expect("a look").expect("somebody");
    assert_eq!(person.value.id, one.id);
    let mut bites = 0;
    loop {
        let (batch, more) = stage.core.adopt(&app, &two.id).await.expect("a bite");
        stage.store.commit(batch).await.expect("written");
        bites += 1;
        if !more {
            break;
        }
    }
    assert_eq!(bites, 2);
    for id in &ids {
        let conversation = stage.conversation(id).await.expect("it is there");
        let people: Vec<&Id<User>> = conversation.participants.iter().map(|person| &person.user).collect();
        assert_eq!(people, [&one.id], "{id}");
    }
    ids.extend([one.conversation.clone(), two.conversation.clone()]);
    assert_eq!(stage.list(&one.id).await, sorted(&ids.iter().collect::<Vec<_>>()));
    assert!(stage.list(&two.id).await.is_empty());
}

#[tokio::test]
async fn what_finds_no_room_and_what_both_have_is_told() {
    let stage = Stage::set(true).await;
    let (mut one, mut two) = (stage.person("+1", true).await, stage.person("+1", true).await);
    one.properties = Map::from_iter([("a".to_owned(), json!(1))]);
    two.properties = Map::from_iter([("a".into(), json!(2)), ("b".into(), json!("x".repeat(4096)))]);
    two.clients[0].status = ClientStatus::Active;
    let mut batch = Batch::new(&stage.tenant.app.id);
    for user in [&one, &two] {
        batch.put(User::KIND, user.record_id(), user, Expect::Anything, None);
    }
    stage.store.commit(batch).await.expect("written");
    let merged = stage.merge(&one, &two).await;
    assert_eq!(merged.clients.len(), 1);
    assert_eq!(merged.clients[0].id, one.clients[0].id);
    let told = stage.told().await;
    let (stays, goes) = told.clients.clone().expect("an identity of both");
    assert_eq!((stays.id, goes.id), (one.clients[0].id.clone(), two.clients[0].id.clone()));
    assert_eq!(told.discarded_metadata.keys().collect::<Vec<_>>(), ["b"]);
}
