//! Walks: documents and jobs met in bites, jobs struck and revised, apps razed, the store compacted.

use std::collections::BTreeSet;

use super::super::{Cut, Met, Walk};
use super::*;

pub(super) const CASES: &[(&str, Case)] = &[
    ("a_walk_meets_every_document_of_its_kinds", |s| Box::pin(a_walk_meets_every_document_of_its_kinds(s))),
    ("a_walk_meets_what_is_there_while_others_come_and_go", |s| {
        Box::pin(a_walk_meets_what_is_there_while_others_come_and_go(s))
    }),
    ("jobs_are_met_wherever_they_are", |s| Box::pin(jobs_are_met_wherever_they_are(s))),
    ("a_struck_job_is_gone_and_its_lane_goes_on", |s| Box::pin(a_struck_job_is_gone_and_its_lane_goes_on(s))),
    ("a_struck_claim_cannot_be_settled", |s| Box::pin(a_struck_claim_cannot_be_settled(s))),
    ("a_struck_job_that_waits_frees_nothing", |s| Box::pin(a_struck_job_that_waits_frees_nothing(s))),
    ("apps_do_not_strike_each_other", |s| Box::pin(apps_do_not_strike_each_other(s))),
    ("a_revised_job_keeps_its_place", |s| Box::pin(a_revised_job_keeps_its_place(s))),
    ("a_razed_app_has_nothing_left", |s| Box::pin(a_razed_app_has_nothing_left(s))),
    ("a_compacted_store_holds_what_it_held", |s| Box::pin(a_compacted_store_holds_what_it_held(s))),
];

const OTHER: &str = "other";

/// Commits so many notes and as many of another kind, each with its number.
async fn notes(t: &Tenant, count: usize) {
    let mut batch = t.batch();
    for n in 0..count {
        batch.put(NOTE, format!("n{n}"), &n, Expect::Absent, None);
        batch.put(OTHER, format!("o{n}"), &n, Expect::Absent, None);
        batch.put("unasked", format!("u{n}"), &n, Expect::Absent, None);
    }
    t.commit(batch).await;
}

async fn bite(t: &Tenant, kinds: &[&'static str], after: Option<&str>, limit: usize) -> Walk<Met> {
    t.store.walk(&t.app, kinds, after, limit).await.expect("a bite")
}

/// The ids of all documents of some kinds.
async fn all(t: &Tenant, kinds: &[&'static str], limit: usize) -> BTreeSet<String> {
    let (mut ids, mut after) = (BTreeSet::new(), None);
    loop {
        let walk = bite(t, kinds, after.as_deref(), limit).await;
        for Met { key, stored } in walk.found {
            assert!(kinds.contains(&key.kind), "{key:?}");
            assert_eq!(key.id[1..], value_of(&stored).to_string(), "the body is the document's");
            ids.insert(key.id);
        }
        after = walk.next;
        if after.is_none() {
            return ids;
        }
    }
}

async fn a_walk_meets_every_document_of_its_kinds(store: Arc<dyn Store>) {
    let (t, other) = (Tenant::new(store.clone()), Tenant::new(store));
    notes(&t, 60).await;
    notes(&other, 3).await;
    for limit in [1, 7, 60, 1_000] {
        assert_eq!(all(&t, &[NOTE, OTHER], limit).await.len(), 120, "in bites of {limit}");
    }
    assert_eq!(all(&t, &[OTHER], 7).await.len(), 60);
    assert_eq!(all(&t, &["nothing"], 7).await.len(), 0);
    let mut batch = t.batch();
    batch.put(NOTE, "expired", &0, Expect::Absent, Some(Timestamp::from_millis(1)));
    t.commit(batch).await;
    assert!(!all(&t, &[NOTE], 7).await.contains("expired"));
}

async fn a_walk_meets_what_is_there_while_others_come_and_go(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    notes(&t, 60).await;
    let (mut ids, mut after, mut round) = (BTreeSet::new(), None, 0);
    loop {
        let walk = bite(&t, &[NOTE, OTHER], after.as_deref(), 9).await;
        let mut batch = t.batch();
        for met in walk.found {
            // What was met is taken away, as an erasure does.
            batch.delete(met.key.kind, &*met.key.id);
            ids.insert(met.key.id);
        }
        batch.put(NOTE, format!("x{round}"), &0, Expect::Absent, None);
        t.commit(batch).await;
        round += 1;
        after = walk.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(ids.iter().filter(|id| !id.starts_with('x')).count(), 120);
}

async fn jobs_of(t: &Tenant, limit: usize) -> BTreeSet<Id<Job>> {
    let (mut ids, mut after) = (BTreeSet::new(), None);
    loop {
        let walk = t.store.jobs(&t.app, after.as_deref(), limit).await.expect("a bite");
        ids.extend(walk.found.into_iter().map(|job| job.id));
        after = walk.next;
        if after.is_none() {
            return ids;
        }
    }
}

async fn jobs_are_met_wherever_they_are(store: Arc<dyn Store>) {
    let (t, other) = (Tenant::new(store.clone()), Tenant::new(store));
    let mut expected = BTreeSet::new();
    for n in 0..30 {
        // Due now and later, in lanes of their own and behind others, in many queues.
        let job = t.job(&(n % 7).to_string(), &(n % 5).to_string(), shifted(now(), n * 100 - 1_000));
        t.add(&job).await;
        other.add(&other.job("0", "0", now())).await;
        expected.insert(job.id);
    }
    let out = t.job("7", "out", now());
    t.add(&out).await;
    let desk = t.lease(&out).await;
    let claimed = desk.claim_one(&out.group, now()).await;
    let aside = t.job("7", "aside", now());
    t.add(&aside).await;
    let stepping = desk.claim_one(&aside.group, now()).await;
    desk.again(&stepping, shifted(now(), 60_000), 1, false).await;
    expected.extend([claimed.id.clone(), aside.id]);
    for limit in [1, 4, 500] {
        assert_eq!(jobs_of(&t, limit).await, expected, "in bites of {limit}");
    }
    let walk = t.store.jobs(&t.app, None, 1_000).await.expect("a bite");
    let met = walk.found.into_iter().find(|job| job.id == claimed.id);
    assert!(met.is_none_or(|met| met == claimed), "a job is met as it is given out");
    assert_eq!(jobs_of(&other, 9).await.len(), 30);
}

async fn strike(t: &Tenant, jobs: &[&Id<Job>]) -> usize {
    let jobs: Vec<Id<Job>> = jobs.iter().copied().cloned().collect();
    t.store.strike(&t.app, &jobs).await.expect("a strike")
}

fn waits(backlog: Vec<Waiting>) -> Vec<(u64, bool)> {
    backlog.into_iter().map(|waiting| (waiting.jobs, waiting.due.is_some())).collect()
}

async fn a_struck_job_is_gone_and_its_lane_goes_on(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let lane: Vec<NewJob> = (0..4).map(|n| t.job("g", "l", shifted(now(), n))).collect();
    for job in &lane {
        t.add(job).await;
    }
    let desk = t.lease(&lane[0]).await;
    let bell = t.store.bell(desk.queue);
    let _ = tokio::time::timeout(Duration::from_millis(50), bell.notified()).await;
    let mut rung = std::pin::pin!(bell.notified());
    rung.as_mut().enable();
    let never = Id::random();
    assert_eq!(strike(&t, &[&lane[0].id, &lane[1].id, &never]).await, 2);
    tokio::time::timeout(PATIENCE, rung).await.expect("the bell rings");
    assert_eq!(strike(&t, &[&lane[0].id, &lane[1].id]).await, 0, "again it changes nothing");
    assert_eq!(desk.groups().await, [(lane[2].group.clone(), lane[2].due)]);
    assert_eq!(waits(desk.backlog().await), [(2, true)]);
    let third = desk.claim_one(&lane[2].group, shifted(now(), 10)).await;
    assert_eq!(third.id, lane[2].id);
    desk.done(&third).await;
    assert_eq!(strike(&t, &[&lane[3].id]).await, 1);
    assert_eq!(desk.groups().await, []);
    assert_eq!(desk.backlog().await, []);
    t.add(&lane[0]).await;
    assert_eq!(desk.claim_one(&lane[0].group, shifted(now(), 10)).await.id, lane[0].id, "it may come again");
}

async fn a_struck_claim_cannot_be_settled(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let (first, second) = (t.job("g", "l", now()), t.job("g", "l", now()));
    t.add(&first).await;
    t.add(&second).await;
    let desk = t.lease(&first).await;
    let claimed = desk.claim_one(&first.group, now()).await;
    assert_eq!(strike(&t, &[&first.id]).await, 1);
    let mut batch = t.batch();
    batch.put(NOTE, "told", &1, Expect::Anything, None);
    lost(desk.settle_with(&claimed, Settlement::Done, batch.clone()).await);
    let retry = Settlement::Again(Retry { due: now(), attempt: 1, keeps_lane: false });
    lost(desk.settle_with(&claimed, retry, batch).await);
    assert_eq!(t.value("told").await, None, "nothing of it is written");
    let next = desk.claim_one(&second.group, now()).await;
    assert_eq!(next.id, second.id);
    desk.done(&next).await;
    assert_eq!(desk.backlog().await, []);
    // A new lease finds nothing that it should free.
    let again = t.lease(&first).await;
    assert_eq!(again.groups().await, []);
}

async fn a_struck_job_that_waits_frees_nothing(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let (first, second, third) = (t.job("g", "l", now()), t.job("g", "l", now()), t.job("g", "l", now()));
    for job in [&first, &second, &third] {
        t.add(job).await;
    }
    let desk = t.lease(&first).await;
    let claimed = desk.claim_one(&first.group, now()).await;
    assert_eq!(strike(&t, &[&second.id]).await, 1);
    assert_eq!(desk.claim_ids(&first.group, now()).await, [], "its lane has one out");
    desk.again(&claimed, now(), 1, true).await;
    let claimed = desk.claim_one(&first.group, now()).await;
    assert_eq!(claimed.id, first.id);
    desk.done(&claimed).await;
    assert_eq!(desk.claim_ids(&first.group, now()).await, [third.id]);
}

async fn apps_do_not_strike_each_other(store: Arc<dyn Store>) {
    let (a, b) = (Tenant::new(store.clone()), Tenant::new(store));
    let job = a.job("g", "l", now());
    a.add(&job).await;
    assert_eq!(strike(&b, &[&job.id]).await, 0);
    let work = Work::Send { delivery: Id::new("another") };
    b.store.revise(&b.app, &job.id, &work).await.expect("nothing is there to be revised");
    let desk = a.lease(&job).await;
    assert_eq!(desk.claim_one(&job.group, now()).await.work, job.work);
}

async fn a_revised_job_keeps_its_place(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let (first, second) = (t.job("g", "l", now()), t.job("g", "l", now()));
    t.add(&first).await;
    t.add(&second).await;
    let work = Work::Send { delivery: Id::new("another") };
    t.store.revise(&t.app, &first.id, &work).await.expect("it is revised");
    t.store.revise(&t.app, &Id::random(), &work).await.expect("who is not there is not revised");
    let desk = t.lease(&first).await;
    let claimed = desk.claim_one(&first.group, now()).await;
    let NewJob { id, group, lane, due, .. } = first;
    assert_eq!(claimed, Job { id, app: t.app.clone(), group, lane, due, attempt: 0, work });
    assert_eq!(waits(desk.backlog().await), [(2, false)]);
}

/// Takes all that is kept away.
async fn raze(t: &Tenant, limit: usize) {
    let (mut after, mut removed) = (None, 0);
    loop {
        let bite = t.store.raze(&t.app, after.as_deref(), limit).await.expect("a bite");
        removed += bite.removed;
        after = bite.next;
        if after.is_none() {
            break;
        }
    }
    assert!(removed > 0);
}

async fn a_razed_app_has_nothing_left(store: Arc<dyn Store>) {
    let (t, other) = (Tenant::new(store.clone()), Tenant::new(store));
    for t in [&t, &other] {
        notes(t, 40).await;
        let mut batch = t.batch();
        for n in 0..40 {
            batch.append("list", n, n.to_string());
            batch.append(format!("list {n}"), n, "m");
            batch.add("family", n.to_string(), 1);
        }
        t.commit(batch).await;
    }
    let job = t.job("g", "l", now());
    t.add(&job).await;
    assert!(t.value("n1").await.is_some(), "it is in memory");
    raze(&t, 16).await;
    assert_eq!(all(&t, &[NOTE, OTHER, "unasked"], 50).await.len(), 0);
    assert_eq!(t.value("n1").await, None);
    let lists = ["list".to_owned(), "list 7".to_owned()];
    let tally = t.store.tally(&t.app, "family", &lists).await.expect("a tally");
    assert_eq!((tally.counts.len(), tally.lengths), (0, vec![0, 0]));
    assert_eq!(jobs_of(&t, 50).await.len(), 1, "jobs are struck");
    assert_eq!(all(&other, &[NOTE, OTHER, "unasked"], 50).await.len(), 120);
    let page = other.store.page(&other.app, "list", Cut::Newest { limit: 100 }).await;
    assert_eq!(page.expect("a page").len(), 40);
}

async fn a_compacted_store_holds_what_it_held(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    notes(&t, 40).await;
    let jobs = [t.job("g", "l", now()), t.job("g", "m", now())];
    for job in &jobs {
        t.add(job).await;
    }
    let desk = t.lease(&jobs[0]).await;
    let claimed = desk.claim(&jobs[0].group, now()).await;
    let mut batch = t.batch();
    (0..39).for_each(|n| batch.delete(NOTE, format!("n{n}")));
    t.commit(batch).await;
    let version = t.version("n39").await;
    t.store.compact().await.expect("it compacts");
    assert_eq!((t.version("n39").await, t.value("n1").await), (version, None));
    desk.done(&claimed[0]).await;
    t.write("n39", json!(7), Expect::Version(version)).await.expect("it goes on");
    t.store.compact().await.expect("it compacts again");
    desk.done(&claimed[1]).await;
    assert_eq!(t.value("n39").await, Some(json!(7)));
}
