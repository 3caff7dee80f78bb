//! What must still be there after the store was closed and opened again, for engines that keep things.

use super::super::{Cut, ListEntry};
use super::*;

/// What was left behind.
#[derive(Debug)]
pub struct Left {
    app: Id<App>,
    version: u64,
    jobs: Vec<NewJob>,
}

/// Fills an app before the store is closed.
pub async fn leave(store: Arc<dyn Store>) -> Left {
    let t = Tenant::new(store);
    let start = now();
    let jobs: Vec<NewJob> =
        (0..3).map(|n| t.job("g", ["a", "a", "b"][n], shifted(start, n as i64))).collect();
    let mut batch = t.batch();
    batch.put(NOTE, "kept", &json!({ "n": 1 }), Expect::Absent, None);
    batch.put(NOTE, "removed", &json!(1), Expect::Absent, None);
    batch.append("list", 5, "five");
    batch.append("list", 4, "four");
    batch.add("family", "a", 3);
    jobs.iter().for_each(|job| batch.job(job.clone()));
    t.commit(batch).await;
    let mut removal = t.batch();
    removal.delete(NOTE, "removed");
    t.commit(removal).await;
    let desk = t.lease(&jobs[0]).await;
    let out = desk.claim(&jobs[0].group, jobs[2].due).await;
    assert_eq!(out.len(), 2);
    desk.again(&out[1], shifted(start, 9), 4, true).await;
    // The first stays out: a process that ends frees it.
    Left { version: t.version("kept").await, app: t.app, jobs }
}

/// Finds it again.
pub async fn find(store: Arc<dyn Store>, left: Left) {
    let t = Tenant { store, app: left.app };
    assert_eq!(t.value("kept").await, Some(json!({ "n": 1 })));
    assert_eq!(t.version("kept").await, left.version);
    assert_eq!(t.value("removed").await, None);
    t.write("kept", json!(2), Expect::Version(left.version))
        .await
        .expect("an update of what was read before");
    assert!(t.version("kept").await > left.version);
    let list = t.store.page(&t.app, "list", Cut::Newest { limit: 9 }).await.expect("a page");
    assert_eq!(list, [(4, "four"), (5, "five")].map(|(rank, m)| ListEntry { rank, member: m.into() }));

    let tally = t.store.tally(&t.app, "family", &[]).await.expect("a tally");
    assert_eq!(tally.counts.into_iter().collect::<Vec<_>>(), [("a".to_owned(), 3)]);
    let [first, behind, retried] = &left.jobs[..] else { panic!("three jobs were left") };
    let desk = t.lease(first).await;
    let waiting = Waiting { group: first.group.clone(), jobs: 3, due: Some(first.due) };
    assert_eq!(desk.backlog().await, [waiting]);
    assert_eq!(t.store.queued(&t.app, &[&first.group]).await.expect("a count"), 3);
    assert_eq!(desk.groups().await, [(first.group.clone(), first.due)]);
    let out = desk.claim(&first.group, shifted(now(), 60_000)).await;
    let found: Vec<_> = out.iter().map(|job| (&job.id, job.attempt, &job.work)).collect();
    assert_eq!(found, [(&first.id, 0, &first.work), (&retried.id, 4, &retried.work)]);
    desk.done(&out[0]).await;
    assert_eq!(desk.claim_ids(&first.group, now()).await, std::slice::from_ref(&behind.id));
}
