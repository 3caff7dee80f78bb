//! How claims end: done, again in place, again aside, with a batch or not at all.

use super::*;

pub(super) const CASES: &[(&str, Case)] = &[
    ("a_done_job_is_gone", |s| Box::pin(a_done_job_is_gone(s))),
    ("a_claim_is_settled_once", |s| Box::pin(a_claim_is_settled_once(s))),
    ("settling_without_a_claim_is_lost", |s| Box::pin(settling_without_a_claim_is_lost(s))),
    ("again_in_place_holds_the_lane", |s| Box::pin(again_in_place_holds_the_lane(s))),
    ("again_aside_lets_the_lane_go_on", |s| Box::pin(again_aside_lets_the_lane_go_on(s))),
    ("what_stepped_aside_stays_aside", |s| Box::pin(what_stepped_aside_stays_aside(s))),
    ("settling_commits_its_batch", |s| Box::pin(settling_commits_its_batch(s))),
    ("a_conflict_leaves_the_claim_out", |s| Box::pin(a_conflict_leaves_the_claim_out(s))),
    ("a_repeated_settlement_succeeds", |s| Box::pin(a_repeated_settlement_succeeds(s))),
    ("settling_may_add_to_its_own_lane", |s| Box::pin(settling_may_add_to_its_own_lane(s))),
];

async fn a_done_job_is_gone(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let job = t.job("g", "l", now());
    t.add(&job).await;
    let desk = t.lease(&job).await;
    desk.done(&desk.claim_one(&job.group, job.due).await).await;
    assert_eq!(desk.groups().await, []);
    let desk = t.lease(&job).await;
    assert_eq!(desk.claim_ids(&job.group, shifted(now(), 1_000_000)).await, []);
}

async fn a_claim_is_settled_once(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let job = t.job("g", "l", now());
    t.add(&job).await;
    let desk = t.lease(&job).await;
    let claimed = desk.claim_one(&job.group, job.due).await;
    desk.done(&claimed).await;
    let mut batch = t.batch();
    batch.put(NOTE, "a", &json!(1), Expect::Absent, None);
    lost(desk.settle_with(&claimed, Settlement::Done, batch).await);
    assert_eq!(t.value("a").await, None);
}

async fn settling_without_a_claim_is_lost(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let job = t.job("g", "l", now());
    t.add(&job).await;
    let desk = t.lease(&job).await;
    let claimed = desk.claim_one(&job.group, job.due).await;
    desk.again(&claimed, job.due, 1, true).await;
    lost(desk.settle(&claimed, Settlement::Done).await);
    assert_eq!(desk.claim_ids(&job.group, job.due).await, [job.id], "it was not taken away");
}

async fn again_in_place_holds_the_lane(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let start = now();
    let (first, second) = (t.job("g", "l", start), t.job("g", "l", start));
    t.add(&first).await;
    t.add(&second).await;
    let desk = t.lease(&first).await;
    let later = shifted(start, 30_000);
    desk.again(&desk.claim_one(&first.group, start).await, later, 1, true).await;
    assert_eq!(desk.groups().await, [(first.group.clone(), later)]);
    assert_eq!(desk.claim_ids(&first.group, shifted(later, -1)).await, [], "the lane waits");
    let retried = desk.claim_one(&first.group, later).await;
    assert_eq!((&retried.id, retried.attempt, retried.due), (&first.id, 1, later));
    desk.done(&retried).await;
    assert_eq!(desk.claim_ids(&first.group, later).await, [second.id]);
}

async fn again_aside_lets_the_lane_go_on(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let start = now();
    let jobs: Vec<NewJob> = (0..3).map(|_| t.job("g", "l", start)).collect();
    for job in &jobs {
        t.add(job).await;
    }
    let group = &jobs[0].group;
    let desk = t.lease(&jobs[0]).await;
    let later = shifted(start, 30_000);
    desk.again(&desk.claim_one(group, start).await, later, 2, false).await;
    let second = desk.claim_one(group, start).await;
    assert_eq!(second.id, jobs[1].id, "the next goes on at once");
    // While the second is still out, the first comes back by itself.
    let retried = desk.claim_one(group, later).await;
    assert_eq!((&retried.id, retried.attempt, retried.due), (&jobs[0].id, 2, later));
    desk.done(&retried).await;
    assert_eq!(desk.claim_ids(group, later).await, [], "the lane still waits for the second");
    desk.done(&second).await;
    assert_eq!(desk.claim_ids(group, later).await, [jobs[2].id.clone()]);
}

async fn what_stepped_aside_stays_aside(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let start = now();
    let (first, second) = (t.job("g", "l", start), t.job("g", "l", start));
    t.add(&first).await;
    let desk = t.lease(&first).await;
    desk.again(&desk.claim_one(&first.group, start).await, start, 1, false).await;
    t.add(&second).await;
    let mut out = desk.claim(&first.group, start).await;
    assert_eq!(out.len(), 2, "two lanes: {out:?}");
    out.sort_by_key(|job| job.id != first.id);
    desk.again(&out[0], start, 2, true).await;
    let retried = desk.claim_one(&first.group, start).await;
    assert_eq!((&retried.id, retried.attempt), (&first.id, 2));
    desk.again(&retried, start, 3, false).await;
    let retried = desk.claim_one(&first.group, start).await;
    assert_eq!((&retried.id, retried.attempt), (&first.id, 3));
    desk.done(&retried).await;
    desk.done(&out[1]).await;
    assert_eq!(desk.groups().await, []);
}

async fn settling_commits_its_batch(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let (job, next) = (t.job("g", "l", now()), t.job("g", "next", now()));
    t.add(&job).await;
    t.write("a", json!(1), Expect::Absent).await.expect("an insert");
    let desk = t.lease(&job).await;
    let claimed = desk.claim_one(&job.group, job.due).await;
    let mut batch = t.batch();
    batch.put(NOTE, "a", &json!(2), Expect::Version(t.version("a").await), None);
    batch.append("list", 7, "a");
    batch.job(next.clone());
    desk.settle_with(&claimed, Settlement::Done, batch).await.expect("it settles");
    assert_eq!(t.value("a").await, Some(json!(2)));
    let list = t.store.page(&t.app, "list", super::super::Cut::Newest { limit: 9 }).await.expect("a page");
    assert_eq!(list.len(), 1);
    assert_eq!(desk.claim_ids(&job.group, next.due).await, [next.id]);
}

async fn a_conflict_leaves_the_claim_out(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let (job, behind) = (t.job("g", "l", now()), t.job("g", "l", now()));
    t.add(&job).await;
    t.add(&behind).await;
    t.write("a", json!(1), Expect::Absent).await.expect("an insert");
    let desk = t.lease(&job).await;
    let claimed = desk.claim_one(&job.group, job.due).await;
    let mut batch = t.batch();
    batch.put(NOTE, "b", &json!(2), Expect::Absent, None);
    batch.put(NOTE, "a", &json!(2), Expect::Absent, None);
    conflict(desk.settle_with(&claimed, Settlement::Done, batch).await);
    assert_eq!(t.value("b").await, None);
    assert_eq!(desk.claim_ids(&job.group, now()).await, [], "it is still out");
    desk.done(&claimed).await;
    assert_eq!(desk.claim_ids(&job.group, now()).await, [behind.id]);
}

async fn a_repeated_settlement_succeeds(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let (job, behind) = (t.job("g", "l", now()), t.job("g", "l", now()));
    t.add(&job).await;
    t.add(&behind).await;
    let desk = t.lease(&job).await;
    let claimed = desk.claim_one(&job.group, job.due).await;
    let mut batch = t.batch();
    batch.put(NOTE, "a", &json!(1), Expect::Absent, None);
    // The answer to the first may have been lost on the way: the caller may ask again and must hear the same.
    desk.settle_with(&claimed, Settlement::Done, batch.clone()).await.expect("it settles");
    desk.settle_with(&claimed, Settlement::Done, batch).await.expect("it says so again");
    assert_eq!(desk.claim_ids(&job.group, now()).await, [behind.id]);
}

async fn settling_may_add_to_its_own_lane(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let (job, next) = (t.job("g", "l", now()), t.job("g", "l", now()));
    t.add(&job).await;
    let desk = t.lease(&job).await;
    let claimed = desk.claim_one(&job.group, now()).await;
    let mut batch = t.batch();
    batch.job(next.clone());
    desk.settle_with(&claimed, Settlement::Done, batch).await.expect("it settles");
    assert_eq!(desk.claim_ids(&job.group, now()).await, [next.id]);
}
