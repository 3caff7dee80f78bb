//! Work given out: lanes, groups, due times, limits, leases, the bell.

use super::*;
use crate::model::{Event, Source, User, What};

pub(super) const CASES: &[(&str, Case)] = &[
    ("queues_are_slots_of_shards", |s| Box::pin(queues_are_slots_of_shards(s))),
    ("a_job_comes_back_as_committed", |s| Box::pin(a_job_comes_back_as_committed(s))),
    ("the_same_job_twice_is_one_job", |s| Box::pin(the_same_job_twice_is_one_job(s))),
    ("one_job_out_per_lane_in_order_of_commit", |s| Box::pin(one_job_out_per_lane_in_order_of_commit(s))),
    ("jobs_of_one_batch_keep_their_order", |s| Box::pin(jobs_of_one_batch_keep_their_order(s))),
    ("a_job_due_later_waits", |s| Box::pin(a_job_due_later_waits(s))),
    ("a_head_due_later_holds_its_lane", |s| Box::pin(a_head_due_later_holds_its_lane(s))),
    ("a_claim_takes_the_earliest_up_to_its_limit", |s| {
        Box::pin(a_claim_takes_the_earliest_up_to_its_limit(s))
    }),
    ("groups_are_independent", |s| Box::pin(groups_are_independent(s))),
    ("groups_show_the_earliest_due", |s| Box::pin(groups_show_the_earliest_due(s))),
    ("groups_do_not_show_what_is_out", |s| Box::pin(groups_do_not_show_what_is_out(s))),
    ("groups_keep_to_their_limit", |s| Box::pin(groups_keep_to_their_limit(s))),
    ("announcements_spread_by_lane", |s| Box::pin(announcements_spread_by_lane(s))),
    ("a_claim_without_a_lease_is_lost", |s| Box::pin(a_claim_without_a_lease_is_lost(s))),
    ("a_new_lease_frees_what_was_out", |s| Box::pin(a_new_lease_frees_what_was_out(s))),
    ("an_old_epoch_changes_nothing", |s| Box::pin(an_old_epoch_changes_nothing(s))),
    ("the_bell_rings_for_a_new_job", |s| Box::pin(the_bell_rings_for_a_new_job(s))),
    ("the_bell_rings_for_a_freed_lane", |s| Box::pin(the_bell_rings_for_a_freed_lane(s))),
];

async fn queues_are_slots_of_shards(store: Arc<dyn Store>) {
    let queues = store.queues();
    let shards = queues.iter().map(|queue| queue.shard).max().expect("there are queues") + 1;
    assert_eq!(queues.len(), usize::from(shards) * usize::from(super::super::SLOTS));
    let distinct: std::collections::HashSet<&Queue> = queues.iter().collect();
    assert_eq!(distinct.len(), queues.len());
}

async fn a_job_comes_back_as_committed(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let job = t.job("g", "l", shifted(now(), -5));
    t.add(&job).await;
    let desk = t.lease(&job).await;
    let NewJob { id, group, lane, due, work } = job;
    let expected = Job { id, app: t.app.clone(), group, lane, due, attempt: 0, work };
    assert_eq!(desk.claim(&expected.group, now()).await, std::slice::from_ref(&expected));
}

async fn the_same_job_twice_is_one_job(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let job = t.job("g", "l", now());
    t.add(&job).await;
    t.add(&NewJob { due: shifted(job.due, -9), lane: format!("{}x", job.lane), ..job.clone() }).await;
    let desk = t.lease(&job).await;
    let claimed = desk.claim_one(&job.group, job.due).await;
    assert_eq!((claimed.due, &claimed.lane), (job.due, &job.lane), "the first stands");
    t.add(&job).await;
    assert_eq!(desk.claim_ids(&job.group, job.due).await, [], "nor does a copy come while it is out");
    desk.done(&claimed).await;
    assert_eq!(desk.claim_ids(&job.group, job.due).await, []);
}

async fn one_job_out_per_lane_in_order_of_commit(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let start = now();
    // Due times run against the order of commits: within a lane the commits decide.
    let lane: Vec<NewJob> = (0..3).map(|n| t.job("g", "a", shifted(start, -n))).collect();
    let other = t.job("g", "b", shifted(start, 1));
    for job in lane.iter().chain([&other]) {
        t.add(job).await;
    }
    let desk = t.lease(&other).await;
    let at = shifted(start, 10);
    let first = desk.claim(&other.group, at).await;
    assert_eq!(first.iter().map(|job| &job.id).collect::<Vec<_>>(), [&lane[0].id, &other.id]);
    assert_eq!(desk.claim_ids(&other.group, at).await, [], "lane a waits for its first job");
    desk.done(&first[0]).await;
    let second = desk.claim_one(&other.group, at).await;
    assert_eq!(second.id, lane[1].id);
    desk.done(&second).await;
    assert_eq!(desk.claim_ids(&other.group, at).await, [lane[2].id.clone()]);
}

async fn jobs_of_one_batch_keep_their_order(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let jobs: Vec<NewJob> = (0..5).map(|_| t.job("g", "l", now())).collect();
    let mut batch = t.batch();
    jobs.iter().for_each(|job| batch.job(job.clone()));
    t.commit(batch).await;
    let desk = t.lease(&jobs[0]).await;
    for job in &jobs {
        let claimed = desk.claim_one(&job.group, now()).await;
        assert_eq!(claimed.id, job.id);
        desk.done(&claimed).await;
    }
}

async fn a_job_due_later_waits(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let job = t.job("g", "l", shifted(now(), 60_000));
    t.add(&job).await;
    let desk = t.lease(&job).await;
    assert_eq!(desk.claim_ids(&job.group, shifted(job.due, -1)).await, []);
    assert_eq!(desk.groups().await, [(job.group.clone(), job.due)]);
    assert_eq!(desk.claim_ids(&job.group, job.due).await, [job.id]);
}

async fn a_head_due_later_holds_its_lane(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let start = now();
    let (late, ready) = (t.job("g", "l", shifted(start, 60_000)), t.job("g", "l", start));
    t.add(&late).await;
    t.add(&ready).await;
    let desk = t.lease(&late).await;
    assert_eq!(desk.claim_ids(&ready.group, start).await, []);
    assert_eq!(desk.groups().await, [(late.group.clone(), late.due)]);
    assert_eq!(desk.claim_ids(&ready.group, late.due).await, [late.id]);
}

async fn a_claim_takes_the_earliest_up_to_its_limit(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let start = now();
    let jobs: Vec<NewJob> =
        [5, 1, 4, 2, 3].map(|n| t.job("g", &format!("lane{n}"), shifted(start, -n))).into();
    for job in &jobs {
        t.add(job).await;
    }
    let desk = t.lease(&jobs[0]).await;
    let mut dues = Vec::new();
    for limit in [2, 0, 2, 2] {
        let claimed = desk.try_claim(&jobs[0].group, start, limit).await.expect("a claim");
        dues.push(claimed.iter().map(|job| start.millis() - job.due.millis()).collect::<Vec<_>>());
    }
    assert_eq!(dues, [vec![5, 4], vec![], vec![3, 2], vec![1]]);
}

async fn groups_are_independent(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let (a, b) = (t.job("a", "same", now()), t.job("b", "same", now()));
    t.add(&a).await;
    t.add(&b).await;
    let desk_a = t.lease(&a).await;
    let desk_b = if t.queue(&a) == t.queue(&b) { desk_a.clone() } else { t.lease(&b).await };
    assert_eq!(desk_a.claim_ids(&a.group, now()).await, [a.id]);
    assert_eq!(desk_b.claim_ids(&b.group, now()).await, [b.id]);
}

async fn groups_show_the_earliest_due(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let start = now();
    // A job of each of some groups, all in one queue.
    let first = t.job("0", "l", start);
    let queue = t.queue(&first);
    let jobs: Vec<NewJob> = (0..200)
        .map(|n| t.job(&n.to_string(), "l", shifted(start, (n * 37 % 200) * 1_000)))
        .filter(|job| t.queue(job) == queue)
        .collect();
    let mut batch = t.batch();
    for job in &jobs {
        batch.job(job.clone());
        batch.job(NewJob {
            id: Id::fresh(start),
            lane: format!("{}later", job.lane),
            due: shifted(job.due, 500),
            ..job.clone()
        });
    }
    t.commit(batch).await;
    let mut expected: Vec<_> = jobs.iter().map(|job| (job.group.clone(), job.due)).collect();
    expected.sort_by_key(|(_, due)| *due);
    assert!(expected.len() > 5, "{} groups share a slot", expected.len());
    let desk = t.lease(&first).await;
    assert_eq!(desk.groups().await, expected);
}

async fn groups_do_not_show_what_is_out(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let start = now();
    let (due, later) = (t.job("g", "a", start), t.job("g", "b", shifted(start, 60_000)));
    let behind = t.job("g", "a", shifted(start, -50));
    for job in [&due, &later, &behind] {
        t.add(job).await;
    }
    let desk = t.lease(&due).await;
    assert_eq!(desk.groups().await, [(due.group.clone(), due.due)]);
    let claimed = desk.claim_one(&due.group, start).await;
    assert_eq!(desk.groups().await, [(due.group.clone(), later.due)]);
    desk.done(&claimed).await;
    assert_eq!(desk.groups().await, [(due.group.clone(), behind.due)]);
    let claimed = desk.claim(&due.group, later.due).await;
    assert_eq!(desk.groups().await, []);
    for job in claimed {
        desk.done(&job).await;
    }
    assert_eq!(desk.groups().await, []);
}

async fn groups_keep_to_their_limit(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let first = t.job("0", "l", now());
    let jobs: Vec<NewJob> = (0..100)
        .map(|n| t.job(&n.to_string(), "l", now()))
        .filter(|job| t.queue(job) == t.queue(&first))
        .collect();
    for job in &jobs {
        t.add(job).await;
    }
    assert!(jobs.len() > 2, "{} groups share a slot", jobs.len());
    let groups = t.store.groups(t.queue(&first), 2).await.expect("the groups");
    assert_eq!(groups.len(), 2);
}

async fn announcements_spread_by_lane(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let jobs: Vec<NewJob> = (0..24).map(|n| announcement(&t, &n.to_string())).collect();
    for job in &jobs {
        t.add(job).await;
    }
    let mut queues: Vec<Queue> = jobs.iter().map(|job| t.queue(job)).collect();
    queues.sort();
    queues.dedup();
    assert!(queues.len() > 1, "one webhook uses several slots");
    let mut found = Vec::new();
    for queue in queues {
        let epoch = t.store.lease(queue).await.expect("a lease");
        let desk = Desk { store: t.store.clone(), app: t.app.clone(), queue, epoch };
        found.extend(desk.claim(&jobs[0].group, now()).await.into_iter().map(|job| (job.id, job.work)));
    }
    let mut expected: Vec<_> = jobs.into_iter().map(|job| (job.id, job.work)).collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(found, expected);
}

fn announcement(t: &Tenant, conversation: &str) -> NewJob {
    let what = What::Postback {
        user: User::new(now()),
        client: None,
        payload: "again".into(),
        source: Source::of("api"),
        message: None,
        action: None,
    };
    let event = Event::new(&t.app, now(), what);
    let job = t.job("webhook", conversation, event.at);
    NewJob { work: Work::Announce { webhook: Id::new("hook"), event: Box::new(event) }, ..job }
}

async fn a_claim_without_a_lease_is_lost(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let job = t.job("g", "l", now());
    t.add(&job).await;
    let desk = t.lease(&job).await;
    let ahead = Desk { epoch: Epoch(desk.epoch.0 + 1), ..desk.clone() };
    lost(ahead.try_claim(&job.group, job.due, 1).await);
    assert_eq!(desk.claim_ids(&job.group, job.due).await, [job.id], "nothing was given out");
}

async fn a_new_lease_frees_what_was_out(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let job = t.job("g", "l", now());
    t.add(&job).await;
    let old = t.lease(&job).await;
    let first = old.claim_one(&job.group, job.due).await;
    old.again(&first, job.due, 3, true).await;
    let before = old.claim_one(&job.group, job.due).await;
    assert_eq!(before.attempt, 3);
    assert_eq!(old.groups().await, []);
    let new = t.lease(&job).await;
    assert!(new.epoch > old.epoch, "epochs rise");
    assert_eq!(new.groups().await, [(job.group.clone(), job.due)]);
    let after = new.claim_one(&job.group, job.due).await;
    assert_eq!(after, before, "the same job with the same attempt");
    new.done(&after).await;
}

async fn an_old_epoch_changes_nothing(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let job = t.job("g", "l", now());
    t.add(&job).await;
    let old = t.lease(&job).await;
    let held = old.claim_one(&job.group, job.due).await;
    let new = t.lease(&job).await;
    let mut batch = t.batch();
    batch.put(NOTE, "a", &json!(1), Expect::Absent, None);
    batch.append("list", 1, "a");
    batch.job(t.job("g", "other", job.due));
    lost(old.settle_with(&held, Settlement::Done, batch.clone()).await);
    lost(old.try_claim(&job.group, job.due, 1).await);
    assert_eq!(t.value("a").await, None);
    let claimed = new.claim_one(&job.group, job.due).await;
    lost(old.settle_with(&held, Settlement::Done, batch).await);
    new.done(&claimed).await;
    lost(new.settle(&claimed, Settlement::Done).await);
}

async fn the_bell_rings_for_a_new_job(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let job = t.job("g", "l", now());
    let desk = t.lease(&job).await;
    let bell = t.store.bell(desk.queue);
    let mut rung = std::pin::pin!(bell.notified());
    rung.as_mut().enable();
    assert_eq!(desk.groups().await, []);
    t.add(&job).await;
    tokio::time::timeout(PATIENCE, rung).await.expect("the bell rings");
    assert_eq!(desk.groups().await, [(job.group, job.due)]);
}

async fn the_bell_rings_for_a_freed_lane(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let (first, second) = (t.job("g", "l", now()), t.job("g", "l", now()));
    t.add(&first).await;
    t.add(&second).await;
    let desk = t.lease(&first).await;
    let claimed = desk.claim_one(&first.group, now()).await;
    let bell = t.store.bell(desk.queue);
    // A ring may still be pending from the commits above.
    let _ = tokio::time::timeout(Duration::from_millis(50), bell.notified()).await;
    let mut rung = std::pin::pin!(bell.notified());
    rung.as_mut().enable();
    desk.done(&claimed).await;
    tokio::time::timeout(PATIENCE, rung).await.expect("the bell rings");
    assert_eq!(desk.claim_ids(&second.group, now()).await, [second.id]);
}
