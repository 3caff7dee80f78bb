//! Counters: they add up with their batch, once, in families that may expire; and moments that fit together.

use super::super::Cut;
use super::*;

pub(super) const CASES: &[(&str, Case)] = &[
    ("counters_add_up_with_their_batch", |s| Box::pin(counters_add_up_with_their_batch(s))),
    ("a_repeated_batch_counts_once", |s| Box::pin(a_repeated_batch_counts_once(s))),
    ("a_refused_batch_counts_nothing", |s| Box::pin(a_refused_batch_counts_nothing(s))),
    ("settling_counts_with_its_batch", |s| Box::pin(settling_counts_with_its_batch(s))),
    ("a_family_may_expire", |s| Box::pin(a_family_may_expire(s))),
    ("apps_do_not_share_counters", |s| Box::pin(apps_do_not_share_counters(s))),
    ("concurrent_additions_lose_none", |s| Box::pin(concurrent_additions_lose_none(s))),
    ("a_tally_is_one_moment", |s| Box::pin(a_tally_is_one_moment(s))),
    ("a_job_is_queued_until_it_is_done", |s| Box::pin(a_job_is_queued_until_it_is_done(s))),
];

const FAMILY: &str = "ledger: one";

async fn counts(t: &Tenant, family: &str) -> Vec<(String, i64)> {
    let tally = t.store.tally(&t.app, family, &[]).await.expect("a tally");
    tally.counts.into_iter().collect()
}

fn named(counts: &[(&str, i64)]) -> Vec<(String, i64)> {
    counts.iter().map(|(counter, value)| ((*counter).to_owned(), *value)).collect()
}

async fn counters_add_up_with_their_batch(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    assert_eq!(counts(&t, FAMILY).await, []);
    let mut batch = t.batch();
    batch.add(FAMILY, "b:x", 2);
    batch.add(FAMILY, "a", 1);
    batch.add(FAMILY, "b:x", 3);
    batch.add("other", "a", 9);
    t.commit(batch).await;
    assert_eq!(counts(&t, FAMILY).await, named(&[("a", 1), ("b:x", 5)]));
    let mut batch = t.batch();
    batch.add(FAMILY, "a", -3);
    batch.add(FAMILY, "c", 1 << 52);
    t.commit(batch).await;
    assert_eq!(counts(&t, FAMILY).await, named(&[("a", -2), ("b:x", 5), ("c", 1 << 52)]));
}

async fn a_repeated_batch_counts_once(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let mut batch = t.batch();
    batch.add(FAMILY, "a", 1);
    for _ in 0..3 {
        t.commit(batch.clone()).await;
    }
    assert_eq!(counts(&t, FAMILY).await, named(&[("a", 1)]));
}

async fn a_refused_batch_counts_nothing(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    t.write("there", json!(1), Expect::Absent).await.expect("an insert");
    let mut batch = t.batch();
    batch.add(FAMILY, "a", 1);
    batch.put(NOTE, "there", &json!(2), Expect::Absent, None);
    t.refuse(batch).await;
    assert_eq!(counts(&t, FAMILY).await, []);
}

async fn settling_counts_with_its_batch(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let job = t.job("g", "l", now());
    t.add(&job).await;
    let desk = t.lease(&job).await;
    let claimed = desk.claim_one(&job.group, job.due).await;
    let mut batch = t.batch();
    batch.add(FAMILY, "a", 1);
    desk.settle_with(&claimed, Settlement::Done, batch.clone()).await.expect("it settles");
    desk.settle_with(&claimed, Settlement::Done, batch).await.expect("it settled before");
    let mut late = t.batch();
    late.add(FAMILY, "a", 1);
    lost(desk.settle_with(&claimed, Settlement::Done, late).await);
    assert_eq!(counts(&t, FAMILY).await, named(&[("a", 1)]));
}

async fn a_family_may_expire(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let end = shifted(now(), 300);
    for _ in 0..2 {
        let mut batch = t.batch();
        batch.add_until("day", "a", 1, end);
        batch.add_until("later", "a", 1, shifted(end, 60_000));
        batch.add(FAMILY, "a", 1);
        t.commit(batch).await;
    }
    assert_eq!(counts(&t, "later").await, named(&[("a", 2)]));
    let deadline = shifted(now(), PATIENCE.as_millis() as i64);
    while !counts(&t, "day").await.is_empty() {
        assert!(now() < deadline, "it is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut batch = t.batch();
    batch.add_until("day", "a", 5, shifted(now(), 60_000));
    t.commit(batch).await;
    assert_eq!(counts(&t, "day").await, named(&[("a", 5)]), "it begins anew");
    assert_eq!(counts(&t, "later").await, named(&[("a", 2)]));
    assert_eq!(counts(&t, FAMILY).await, named(&[("a", 2)]));
}

async fn apps_do_not_share_counters(store: Arc<dyn Store>) {
    let (a, b) = (Tenant::new(store.clone()), Tenant::new(store));
    for (t, delta) in [(&a, 1), (&b, 2)] {
        let mut batch = t.batch();
        batch.add(FAMILY, "a", delta);
        t.commit(batch).await;
    }
    assert_eq!(counts(&a, FAMILY).await, named(&[("a", 1)]));
    assert_eq!(counts(&b, FAMILY).await, named(&[("a", 2)]));
}

async fn concurrent_additions_lose_none(store: Arc<dyn Store>) {
    let t = Arc::new(Tenant::new(store));
    let add = |t: Arc<Tenant>| async move {
        for _ in 0..20 {
            let mut batch = t.batch();
            batch.add(FAMILY, "sum", 1);
            t.commit(batch).await;
        }
    };
    let tasks: Vec<_> = (0..16).map(|_| tokio::spawn(add(t.clone()))).collect();
    for task in tasks {
        task.await.expect("a counter ends well");
    }
    assert_eq!(counts(&t, FAMILY).await, named(&[("sum", 320)]));
}

/// Whatever is added and listed together is seen together.
async fn a_tally_is_one_moment(store: Arc<dyn Store>) {
    let t = Arc::new(Tenant::new(store));
    let writer = t.clone();
    let writing = tokio::spawn(async move {
        for n in 0..100 {
            let mut batch = writer.batch();
            batch.add(FAMILY, "a", 1);
            batch.append("one", 7, format!("m{n}"));
            batch.append("two", n, format!("m{n}"));
            writer.commit(batch).await;
        }
    });
    let lists = ["one", "nothing", "two"].map(str::to_owned);
    loop {
        let is_over = writing.is_finished();
        let tally = t.store.tally(&t.app, FAMILY, &lists).await.expect("a tally");
        let count = tally.counts.get("a").map_or(0, |count| *count as usize);
        assert_eq!(tally.lengths, [count, 0, count]);
        if is_over {
            break assert_eq!(count, 100);
        }
    }
    walk(&t, "one").await;
    walk(&t, "two").await;
}

/// Entries of one rank are all met by a walk of small steps.
async fn walk(t: &Tenant, list: &str) {
    let (mut rank, mut member, mut met) = (i64::MIN, String::new(), Vec::new());
    loop {
        let cut = Cut::Behind { rank, member, limit: 7 };
        let page = t.store.page(&t.app, list, cut).await.expect("a page");
        let Some(last) = page.last() else { break };
        (rank, member) = (last.rank, last.member.clone());
        met.extend(page);
    }
    assert_eq!(met.len(), 100);
    assert!(met.is_sorted_by(|a, b| (a.rank, &a.member) < (b.rank, &b.member)));
    let gone = Cut::Behind { rank: 7, member: "m5a".into(), limit: 2 };
    let behind = t.store.page(&t.app, "one", gone).await.expect("a page");
    assert_eq!(behind[0].member, "m6", "the entry itself need not be there");
}

async fn a_job_is_queued_until_it_is_done(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let job = t.job("g", "l", now());
    let is_queued = async || t.store.is_queued(&t.app, &job).await.expect("it reads");
    assert!(!is_queued().await);
    t.add(&job).await;
    assert!(is_queued().await);
    let desk = t.lease(&job).await;
    let claimed = desk.claim_one(&job.group, job.due).await;
    assert!(is_queued().await, "it is out");
    desk.again(&claimed, shifted(job.due, 1), 1, false).await;
    assert!(is_queued().await, "it stepped aside");
    desk.done(&desk.claim_one(&job.group, shifted(now(), 1_000)).await).await;
    assert!(!is_queued().await);
}
