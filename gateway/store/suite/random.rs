//! Random histories held against a small model: no job lost, no lane out of order, none given out twice.

use std::collections::{BTreeMap, HashMap};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::{Cut, ListEntry, Tally};
use super::*;

pub(super) const CASES: &[(&str, Case)] = &[
    ("random_history_1", |s| Box::pin(history(s, 1))),
    ("random_history_2", |s| Box::pin(history(s, 2))),
    ("random_history_3", |s| Box::pin(history(s, 3))),
    ("random_history_4", |s| Box::pin(history(s, 4))),
    ("random_history_of_chance", |s| Box::pin(history(s, rand::random()))),
];

const STEPS: usize = 300;

/// A job the store should hold. Its place in the model's list is its place in its lane.
#[derive(Debug, Clone)]
struct Held {
    job: Job,
    lane: String,
    queue: Queue,
    out: bool,
}

/// What the store should hold, and the desks it was reached through.
struct Model {
    tenant: Tenant,
    chance: StdRng,
    start: Timestamp,
    documents: BTreeMap<String, (u64, Value)>,
    list: BTreeMap<String, i64>,
    counts: BTreeMap<String, i64>,
    jobs: Vec<Held>,
    desks: HashMap<Queue, Desk>,
    /// Claims that were lost, with the desk they were made at.
    stale: Vec<(Desk, Job)>,
    dues: std::collections::HashSet<i64>,
}

async fn history(store: Arc<dyn Store>, seed: u64) {
    let mut model = Model {
        tenant: Tenant::new(store),
        chance: StdRng::seed_from_u64(seed),
        start: now(),
        documents: BTreeMap::new(),
        list: BTreeMap::new(),
        counts: BTreeMap::new(),
        jobs: Vec::new(),
        desks: HashMap::new(),
        stale: Vec::new(),
        dues: Default::default(),
    };
    for step in 0..STEPS {
        match model.chance.random_range(0..10) {
            0..3 => model.commit().await,
            3..6 => model.claim().await,
            6..9 => model.settle().await,
            _ => model.lease().await,
        }
        model.compare(&format!("seed {seed}, step {step}")).await;
    }
    model.drain().await;
}

impl Model {
    /// A moment no other job is due at, so that the order of claims is determined.
    fn due(&mut self) -> Timestamp {
        loop {
            let millis = self.chance.random_range(0..100_000);
            if self.dues.insert(millis) {
                return shifted(self.start, millis);
            }
        }
    }

    /// A batch of random writes, and whether all of its conditions hold.
    fn batch(&mut self) -> (Batch, bool, Vec<Held>) {
        let mut batch = self.tenant.batch();
        let mut holds = true;
        let first = self.chance.random_range(0..6);
        for n in first..(first + self.chance.random_range(0..3)) {
            let id = format!("d{n}");
            let known = self.documents.get(&id).map(|(version, _)| *version);
            let expect = match (self.chance.random_range(0..8), known) {
                (0, _) => Expect::Absent,
                (1, _) => Expect::Version(3),
                (2, _) => Expect::Anything,
                (_, Some(version)) => Expect::Version(version),
                (_, None) => Expect::Absent,
            };
            holds &= match expect {
                Expect::Absent => known.is_none(),
                Expect::Version(version) => known == Some(version),
                Expect::Anything => true,
            };
            if expect == Expect::Anything && self.chance.random_bool(0.5) {
                batch.delete(NOTE, id);
            } else {
                batch.put(NOTE, id, &json!(self.chance.random::<u32>()), expect, None);
            }
        }
        let member = format!("m{}", self.chance.random_range(0..9));
        match self.chance.random_range(0..5) {
            0 => batch.remove("list", member),
            3 => batch.rerank("list", self.chance.random_range(-50..50), member),
            1 | 2 => batch.append("list", self.chance.random_range(-50..50), member),
            _ => {}
        }
        for _ in 0..self.chance.random_range(0..3) {
            let counter = format!("c{}", self.chance.random_range(0..4));
            batch.add("counters", counter, self.chance.random_range(-5..6));
        }
        let jobs = self.new_jobs(&mut batch);
        (batch, holds, jobs)
    }

    fn new_jobs(&mut self, batch: &mut Batch) -> Vec<Held> {
        let mut held = Vec::new();
        for _ in 0..self.chance.random_range(0..4) {
            let group = format!("g{}", self.chance.random_range(0..3));
            let lane = format!("l{}", self.chance.random_range(0..4));
            let due = self.due();
            let new = self.tenant.job(&group, &lane, due);
            let NewJob { id, group, lane, due, work } = new.clone();
            let app = self.tenant.app.clone();
            let job = Job { id, app, group, lane: lane.clone(), due, attempt: 0, work };
            held.push(Held { job, lane, queue: self.tenant.queue(&new), out: false });
            batch.job(new);
        }
        held
    }

    async fn applied(&mut self, batch: Batch, jobs: Vec<Held>) {
        for document in &batch.documents {
            match document {
                Document::Delete(key) => {
                    self.documents.remove(&key.id);
                }
                Document::Put(put) => {
                    let version = self.tenant.version(&put.key.id).await;
                    let before = self.documents.get(&put.key.id).map_or(0, |(version, _)| *version);
                    assert!(version > before, "versions rise");
                    let body = serde_json::from_slice(&put.body).expect("JSON");
                    self.documents.insert(put.key.id.clone(), (version, body));
                }
            }
        }
        for (_, ListEntry { rank, member }) in batch.entries {
            self.list.insert(member, rank);
        }
        for (_, ListEntry { rank, member }) in batch.moves {
            self.list.entry(member).and_modify(|kept| *kept = rank);
        }
        for (_, member) in batch.removals {
            self.list.remove(&member);
        }
        for count in batch.counts {
            *self.counts.entry(count.counter).or_default() += count.delta;
        }
        self.jobs.extend(jobs);
    }

    async fn commit(&mut self) {
        let (batch, holds, jobs) = self.batch();
        if !holds {
            return self.tenant.refuse(batch).await;
        }
        self.tenant.commit(batch.clone()).await;
        if self.chance.random_bool(0.2) {
            self.tenant.commit(batch.clone()).await;
        }
        self.applied(batch, jobs).await;
    }

    /// The jobs of a group that may be given out, earliest first.
    fn free(&self, group: &str) -> Vec<&Held> {
        let mut lanes = std::collections::HashSet::new();
        let mut heads: Vec<&Held> = self.jobs.iter().filter(|held| lanes.insert(&held.lane)).collect();
        heads.retain(|held| held.job.group == group && !held.out);
        heads.sort_by_key(|held| held.job.due);
        heads
    }

    async fn desk(&mut self, queue: Queue) -> Desk {
        if let Some(desk) = self.desks.get(&queue) {
            return desk.clone();
        }
        let epoch = self.tenant.store.lease(queue).await.expect("a lease");
        let (store, app) = (self.tenant.store.clone(), self.tenant.app.clone());
        let desk = Desk { store, app, queue, epoch };
        self.desks.insert(queue, desk.clone());
        desk
    }

    async fn claim(&mut self) {
        let Some(any) = self.pick(|_| true) else { return };
        let desk = self.desk(any.queue).await;
        let at = shifted(self.start, self.chance.random_range(0..100_000));
        let limit = self.chance.random_range(1..6);
        let group = any.job.group;
        let mut expected: Vec<Job> = self.free(&group).iter().map(|held| held.job.clone()).collect();
        expected.retain(|job| job.due <= at);
        expected.truncate(limit);
        let mut claimed = desk.try_claim(&group, at, limit).await.expect("a claim");
        for (job, expected) in claimed.iter_mut().zip(&expected) {
            // The name of the lane a job stepped aside into is the engine's own affair.
            job.lane.clone_from(&expected.lane);
        }
        assert_eq!(claimed, expected);
        for held in self.jobs.iter_mut().filter(|held| claimed.iter().any(|job| job.id == held.job.id)) {
            held.out = true;
        }
    }

    fn pick(&mut self, wanted: impl Fn(&Held) -> bool) -> Option<Held> {
        let wanted: Vec<&Held> = self.jobs.iter().filter(|held| wanted(held)).collect();
        if wanted.is_empty() {
            return None;
        }
        Some(wanted[self.chance.random_range(0..wanted.len())].clone())
    }

    async fn settle(&mut self) {
        let (batch, holds, jobs) = self.batch();
        if !self.stale.is_empty() && self.chance.random_bool(0.2) {
            let (desk, job) = self.stale.swap_remove(0);
            return lost(desk.settle_with(&job, Settlement::Done, batch).await);
        }
        let Some(held) = self.pick(|held| held.out) else { return };
        let desk = self.desk(held.queue).await;
        let settlement = match self.chance.random_range(0..4) {
            0 | 1 => Settlement::Done,
            keeps => Settlement::Again(Retry {
                due: self.due(),
                attempt: held.job.attempt + 1,
                keeps_lane: keeps == 2,
            }),
        };
        let outcome = desk.settle_with(&held.job, settlement.clone(), batch.clone()).await;
        if !holds {
            return conflict(outcome);
        }
        outcome.expect("it settles");
        self.settled(&held, settlement);
        self.applied(batch, jobs).await;
    }

    fn settled(&mut self, held: &Held, settlement: Settlement) {
        let place = self.jobs.iter().position(|other| other.job.id == held.job.id).expect("it is known");
        let Settlement::Again(retry) = settlement else {
            self.jobs.remove(place);
            return;
        };
        let held = &mut self.jobs[place];
        held.out = false;
        held.job.due = retry.due;
        held.job.attempt = retry.attempt;
        if !retry.keeps_lane {
            held.lane = format!("aside: {}", held.job.id);
        }
    }

    async fn lease(&mut self) {
        let Some(any) = self.pick(|_| true) else { return };
        let old = self.desk(any.queue).await;
        self.desks.remove(&any.queue);
        let new = self.desk(any.queue).await;
        assert!(new.epoch > old.epoch, "epochs rise");
        lost(old.try_claim(&any.job.group, any.job.due, 1).await);
        for held in self.jobs.iter_mut().filter(|held| held.queue == any.queue && held.out) {
            held.out = false;
            self.stale.push((old.clone(), held.job.clone()));
        }
    }

    async fn compare(&mut self, when: &str) {
        let keys: Vec<Key> = (0..9).map(|n| Key::new(NOTE, format!("d{n}"))).collect();
        let found = self.tenant.store.read(&self.tenant.app, &keys).await.expect("it reads");
        for (key, found) in keys.iter().zip(&found) {
            let found = found.as_ref().map(|stored| (stored.version, value_of(stored)));
            assert_eq!(found.as_ref(), self.documents.get(&key.id), "{when}: {}", key.id);
        }
        let page = self.tenant.store.page(&self.tenant.app, "list", Cut::Newest { limit: 99 }).await;
        let mut expected: Vec<_> = self
            .list
            .iter()
            .map(|(member, rank)| ListEntry { rank: *rank, member: member.clone() })
            .collect();
        expected.sort_by_key(|entry| entry.rank);
        assert_eq!(page.expect("a page"), expected, "{when}");
        let tally = self.tenant.store.tally(&self.tenant.app, "counters", &["list".into()]).await;
        let expected = Tally { counts: self.counts.clone(), lengths: vec![self.list.len()] };
        assert_eq!(tally.expect("a tally"), expected, "{when}");
        for desk in self.desks.values() {
            let mut groups: Vec<_> = self
                .jobs
                .iter()
                .filter(|held| held.queue == desk.queue)
                .map(|held| &held.job.group)
                .collect();
            groups.sort();
            groups.dedup();
            let waiting = |group: &&String| Waiting {
                group: (*group).clone(),
                jobs: self.jobs.iter().filter(|held| held.job.group == **group).count() as u64,
                due: self.free(group).first().map(|held| held.job.due),
            };
            assert_eq!(desk.backlog().await, groups.iter().map(waiting).collect::<Vec<_>>(), "{when}");
            let mut expected: Vec<_> = groups
                .into_iter()
                .filter_map(|group| Some((group.clone(), self.free(group).first()?.job.due)))
                .collect();
            expected.sort_by_key(|(_, due)| *due);
            assert_eq!(desk.groups().await, expected, "{when}");
        }
    }

    /// Works off what is left: everything comes once, and then there is nothing.
    async fn drain(&mut self) {
        let end = shifted(self.start, 1_000_000);
        while let Some(any) = self.pick(|_| true) {
            let desk = self.desk(any.queue).await;
            for job in desk.claim(&any.job.group, end).await {
                let held = self.jobs.iter_mut().find(|held| held.job.id == job.id).expect("it is known");
                assert!(!held.out, "given out twice");
                held.out = true;
            }
            let Some(held) = self.pick(|held| held.out) else { panic!("{any:?} never comes") };
            let desk = self.desk(held.queue).await;
            desk.done(&held.job).await;
            self.settled(&held, Settlement::Done);
        }
        for desk in self.desks.values() {
            assert_eq!(desk.groups().await, []);
            assert_eq!(desk.backlog().await, []);
        }
    }
}
