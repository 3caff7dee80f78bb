//! Erasing a person: gone at once for everybody, and what is left of them taken away by a job (`erasing.rs`).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{
    App, Client, Conversation, Departed, Event, Id, Integration, Job, NewJob, Tenant, Timestamp, User, What,
};
use crate::store::{Batch, Expect, Record};

use super::activity::FindChannel;
use super::belongings::Belongings;
use super::hidden::{ERASED, Since, hidden_id};
use super::known::Known;
use super::records::{ExternalId, Linked, Waiting, address_id};
use super::{Core, CoreError, retried};

/// Under what a person was known: what is needed to find the rest. It goes with the last of that.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Erasing {
    pub(super) user: Id<User>,
    /// What came later is of somebody new.
    pub(super) at: Timestamp,
    /// Their ids: their own, then those of people merged into them.
    pub(super) people: Vec<Id<User>>,
    pub(super) conversations: Vec<Id<Conversation>>,
    /// Conversations that others are in, too.
    #[serde(default)]
    pub(super) groups: Vec<Id<Conversation>>,
    pub(super) addresses: Vec<(Id<Integration>, String)>,
}

impl Record for Erasing {
    const KIND: &'static str = "erasing";

    fn record_id(&self) -> String {
        self.user.to_string()
    }
}

impl Core {
    /// Erases a user. When this returns they are gone; their messages, deliveries, files and whatever else tells of
    /// them follow soon.
    pub async fn erase_user(
        &self,
        tenant: &Tenant,
        user: &str,
        channels: FindChannel<'_>,
    ) -> Result<(), CoreError> {
        retried(|| self.try_erase_user(tenant, user, channels)).await
    }

    async fn try_erase_user(
        &self,
        tenant: &Tenant,
        user: &str,
        channels: FindChannel<'_>,
    ) -> Result<(), CoreError> {
        let app = &tenant.app.id;
        let known = self.find_known(tenant, user).await?;
        let Belongings { people, conversations, groups } = self.belongings(app, &known.user).await?;
        let addresses = addresses_of(&known.user, channels);
        let at = self.clock.now();
        let erasing = Erasing { user: known.user.id.clone(), at, people, conversations, groups, addresses };
        let mut batch = Batch::new(app);
        take_away(&known, &mut batch);
        self.take_ways(app, &known.user, &erasing.people, &mut batch).await?;
        self.hide_opt_outs(app, &erasing.addresses, &mut batch).await?;
        let since = Since { at };
        for person in &erasing.people {
            batch.put(ERASED, person.as_str(), &since, Expect::Anything, None);
        }
        for (integration, address) in &erasing.addresses {
            batch.put(ERASED, hidden_id(integration, address), &since, Expect::Anything, None);
        }
        batch.insert(&erasing);
        batch.job(NewJob::erase(app, &known.user.id, at));
        let what = What::UserDeleted { user: Departed::of(&known.user) };
        self.announce(&mut batch, tenant, &Event::new(app, at, what));
        Ok(self.store.commit(batch).await?)
    }

    /// How many erasures wait or are under way.
    pub async fn erasures(&self) -> Result<u64, CoreError> {
        let mut erasures = 0;
        for queue in self.store.queues() {
            let waiting = self.store.backlog(queue).await?;
            let of_erasing = waiting.iter().filter(|waiting| Job::erases(&waiting.group));
            erasures += of_erasing.map(|waiting| waiting.jobs).sum::<u64>();
        }
        Ok(erasures)
    }

    /// Leaves nothing of what was removed or overwritten in the store's files.
    pub async fn compact(&self) -> Result<(), CoreError> {
        Ok(self.store.compact().await?)
    }

    /// Takes away what leads to a person: their addresses, and the links that wait for them.
    async fn take_ways(
        &self,
        app: &Id<App>,
        user: &User,
        people: &[Id<User>],
        batch: &mut Batch,
    ) -> Result<(), CoreError> {
        let ids_of = |client: &Client| {
            let addresses = client.addresses().map(|address| address_id(&client.integration, address));
            addresses.collect::<Vec<String>>()
        };
        let linked: Vec<String> = user.clients.iter().flat_map(ids_of).collect();
        for read in self.store.load_all::<Linked>(app, &linked).await?.into_iter().flatten() {
            if people.contains(&read.value.user) {
                batch.delete(Linked::KIND, read.value.record_id());
            }
        }
        let waiting: Vec<String> = user.pending.iter().flat_map(|link| ids_of(&link.client)).collect();
        for read in self.store.load_all::<Waiting>(app, &waiting).await?.into_iter().flatten() {
            if people.contains(&read.value.user) {
                batch.delete(Waiting::KIND, read.value.record_id());
            }
        }
        Ok(())
    }
}

/// Takes the person and their conversation away, if nobody changed them meanwhile.
fn take_away(known: &Known, batch: &mut Batch) {
    known.remove(batch);
    if let Some(external_id) = &known.user.external_id {
        batch.delete(ExternalId::KIND, external_id);
    }
}

/// Where a person is reached, in every spelling.
fn addresses_of(user: &User, channels: FindChannel<'_>) -> Vec<(Id<Integration>, String)> {
    let mut addresses = BTreeSet::new();
    for client in &user.clients {
        let spellings = channels(&client.integration).and_then(|channel| {
            let destination = channel.destination(&client.address).ok()?;
            Some(destination.variants)
        });
        let spellings = spellings.unwrap_or_default();
        for address in client.addresses().chain(spellings.iter().map(String::as_str)) {
            addresses.insert((client.integration.clone(), address.to_owned()));
        }
    }
    addresses.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use heliograph_connectors::channel::{Body, Content};
    use serde_json::Map;

    use super::*;
    use crate::core::{Account, Policy};
    use crate::model::{Author, Delivery, Priority, Purpose, SystemClock};
    use crate::settings::Sealer;
    use crate::store::{self, Store};

    const NUMBER: &str = "+15145550181";

    struct Scene {
        store: Arc<dyn Store>,
        core: Core,
        tenant: Tenant,
    }

    impl Scene {
        async fn new() -> Scene {
            let clock = Arc::new(SystemClock);
            let store = store::open("embedded::memory:", 1, clock.clone()).await.expect("a store");
            let policy = Policy::lasting(Duration::from_secs(3600));
            let core = Core::new(store.clone(), clock, policy, |_, _| true, Arc::default());
            let integration = Integration::new(Id::new("i"), Id::new("app"), "twilio", Map::new());
            let app = App::new(Id::new("app"), "Demo");
            Scene { store, core, tenant: Tenant { integrations: vec![integration], ..Tenant::new(app) } }
        }

        /// Accepts a notification to the number.
        async fn notify(&self) -> Id<Delivery> {
            let now = self.core.now();
            let purpose = Purpose::Notification { author: Author::business(), priority: Priority::default() };
            let body = Body::Content(Content::text("hello"));
            let until = now + Duration::from_secs(60);
            let integration = &self.tenant.integrations[0];
            let mut delivery =
                Delivery::queued(Id::fresh_uuid(now), purpose, integration, NUMBER.into(), body, now, until);
            let mut batch = Batch::new(&self.tenant.app.id);
            self.core.accept(&mut delivery, &mut batch);
            batch.job(NewJob::send(&delivery, now));
            self.store.commit(batch).await.expect("written");
            delivery.id
        }

        async fn account(&self) -> Account {
            let audit = self.core.audit(&self.tenant).await.expect("an audit");
            audit[&self.tenant.integrations[0].id].clone()
        }
    }

    /// Makes a person at the scene's number.
    async fn person(scene: &Scene) -> User {
        let mut known = Known::stranger(scene.core.now());
        let integration = scene.tenant.integrations[0].id.clone();
        let client = Client::new(Id::random(), integration, "twilio", NUMBER);
        let mut batch = Batch::new(&scene.tenant.app.id);
        batch.insert(&Linked::of(&known.user, &client, NUMBER));
        known.user.clients.push(client);
        known.save(&mut batch);
        scene.store.commit(batch).await.expect("written");
        known.user
    }

    async fn erase(scene: &Scene, user: &User) {
        let app = &scene.tenant.app.id;
        let seal = Sealer::new(None).expect("no key is fine");
        let mut erasure =
            scene.core.erasure(app, &user.id).await.expect("a look").expect("something to erase");
        while let Some(bite) = scene.core.next_bite(&erasure, &seal).await.expect("a bite") {
            scene.core.take_bite(&mut erasure, bite).await.expect("it is taken");
        }
        let last = scene.core.erased(&erasure).await.expect("the last");
        scene.store.commit(last).await.expect("written");
    }

    async fn delivery(scene: &Scene, id: &Id<Delivery>) -> Option<Delivery> {
        let found = scene.store.load::<Delivery>(&scene.tenant.app.id, id.as_str()).await;
        found.expect("a look").map(|read| read.value)
    }

    #[tokio::test]
    async fn what_comes_after_an_erasure_is_left_to_whom_it_is_for() {
        let scene = Scene::new().await;
        let app = scene.tenant.app.id.clone();
        let user = person(&scene).await;
        let old = scene.notify().await;
        let kept = delivery(&scene, &old).await.expect("it is there");
        assert!(!scene.core.barred(&app, &kept).await.expect("a look").erased);
        scene.core.erase_user(&scene.tenant, user.id.as_str(), &|_| None).await.expect("erased");
        assert!(scene.core.barred(&app, &kept).await.expect("a look").erased, "it is not sent any more");
        tokio::time::sleep(Duration::from_millis(2)).await;
        let new = scene.notify().await;
        let fresh = delivery(&scene, &new).await.expect("it is there");
        assert!(!scene.core.barred(&app, &fresh).await.expect("a look").erased);
        let next = person(&scene).await;
        erase(&scene, &user).await;
        assert_eq!(delivery(&scene, &old).await, None);
        assert_eq!(delivery(&scene, &new).await, Some(fresh.clone()));
        let now = scene.core.now();
        for (one, is_there) in [(&kept, false), (&fresh, true)] {
            let job = NewJob::send(one, now);
            assert_eq!(scene.store.is_queued(&app, &job).await.expect("a look"), is_there);
        }
        let account = scene.account().await;
        assert_eq!((account.accepted, account.failed, account.pending.queued), (2, 1, 1));
        assert!(account.is_balanced());
        assert!(
            scene.core.user(&scene.tenant, next.id.as_str()).await.is_ok(),
            "who has the number now stays"
        );
        assert_eq!(scene.core.erasure(&app, &user.id).await.expect("a look").map(|_| ()), None);
        assert!(!scene.core.barred(&app, &kept).await.expect("a look").erased, "the marks are gone");
    }

    #[tokio::test]
    async fn the_first_of_two_erasures_leaves_the_marks_of_the_second() {
        let scene = Scene::new().await;
        let one = person(&scene).await;
        scene.core.erase_user(&scene.tenant, one.id.as_str(), &|_| None).await.expect("erased");
        tokio::time::sleep(Duration::from_millis(2)).await;
        let two = person(&scene).await;
        let sent = scene.notify().await;
        scene.core.erase_user(&scene.tenant, two.id.as_str(), &|_| None).await.expect("erased");
        erase(&scene, &one).await;
        let sent = delivery(&scene, &sent).await.expect("it is not the first one's");
        assert!(scene.core.barred(&scene.tenant.app.id, &sent).await.expect("a look").erased);
        erase(&scene, &two).await;
        assert_eq!(delivery(&scene, &sent.id).await, None);
        assert!(scene.account().await.is_balanced());
    }

    #[tokio::test]
    async fn an_opt_out_of_before_loses_its_address_and_holds() {
        let scene = Scene::new().await;
        let app = scene.tenant.app.id.clone();
        let mut batch = Batch::new(&app);
        let kept = serde_json::json!({"integration": "i", "address": NUMBER, "at": 7});
        batch.put("optout", format!("i:{NUMBER}"), &kept, Expect::Absent, None);
        scene.store.commit(batch).await.expect("written");
        let user = person(&scene).await;
        let opted_out = async || {
            let sent = scene.notify().await;
            let sent = delivery(&scene, &sent).await.expect("it is there");
            scene.core.barred(&app, &sent).await.expect("a look").opted_out
        };
        assert!(opted_out().await);
        scene.core.erase_user(&scene.tenant, user.id.as_str(), &|_| None).await.expect("erased");
        assert!(opted_out().await);
        let walk = scene.store.walk(&app, &["optout"], None, 10).await.expect("a walk");
        let ids: Vec<&str> = walk.found.iter().map(|met| met.key.id.as_str()).collect();
        assert_eq!(ids, [hidden_id(&Id::new("i"), NUMBER)]);
        assert_eq!(*walk.found[0].stored.body, *br#"{"at":7}"#);
    }
}
