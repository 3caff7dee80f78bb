//! Documents: conditions, versions, expiry, atomicity, isolation.

use super::*;

pub(super) const CASES: &[(&str, Case)] = &[
    ("read_keeps_order_and_shows_absence", |s| Box::pin(read_keeps_order_and_shows_absence(s))),
    ("conflict_on_insert_over_existing", |s| Box::pin(conflict_on_insert_over_existing(s))),
    ("conflict_on_stale_version", |s| Box::pin(conflict_on_stale_version(s))),
    ("version_is_not_reused_after_removal", |s| Box::pin(version_is_not_reused_after_removal(s))),
    ("anything_overwrites_and_inserts", |s| Box::pin(anything_overwrites_and_inserts(s))),
    ("deleting_what_is_absent_succeeds", |s| Box::pin(deleting_what_is_absent_succeeds(s))),
    ("conflicting_batch_changes_nothing", |s| Box::pin(conflicting_batch_changes_nothing(s))),
    ("repeated_batch_applies_once", |s| Box::pin(repeated_batch_applies_once(s))),
    ("refused_batch_may_be_tried_again", |s| Box::pin(refused_batch_may_be_tried_again(s))),
    ("expired_document_is_absent", |s| Box::pin(expired_document_is_absent(s))),
    ("document_expires_in_time", |s| Box::pin(document_expires_in_time(s))),
    ("rewriting_without_end_keeps_for_ever", |s| Box::pin(rewriting_without_end_keeps_for_ever(s))),
    ("apps_do_not_share_documents", |s| Box::pin(apps_do_not_share_documents(s))),
    ("bodies_come_back_byte_for_byte", |s| Box::pin(bodies_come_back_byte_for_byte(s))),
    ("concurrent_commits_all_land", |s| Box::pin(concurrent_commits_all_land(s))),
    ("concurrent_counters_lose_no_count", |s| Box::pin(concurrent_counters_lose_no_count(s))),
    ("a_healthy_store_says_so", |s| Box::pin(a_healthy_store_says_so(s))),
];

async fn read_keeps_order_and_shows_absence(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let mut batch = t.batch();
    batch.put(NOTE, "a", &json!("a"), Expect::Absent, None);
    batch.put("other", "a", &json!("other a"), Expect::Absent, None);
    batch.put(NOTE, "c", &json!("c"), Expect::Absent, None);
    t.commit(batch).await;
    let keys = [("note", "c"), ("note", "b"), ("other", "a"), ("note", "a"), ("other", "c"), ("note", "c")]
        .map(|(kind, id)| Key::new(kind, id));
    let found = t.store.read(&t.app, &keys).await.expect("it reads");
    let found: Vec<Option<Value>> = found.iter().map(|found| found.as_ref().map(value_of)).collect();
    let expected = [Some(json!("c")), None, Some(json!("other a")), Some(json!("a")), None, Some(json!("c"))];
    assert_eq!(found, expected);
    assert_eq!(t.store.read(&t.app, &[]).await.expect("it reads nothing"), []);
}

async fn conflict_on_insert_over_existing(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    t.write("a", json!(1), Expect::Absent).await.expect("the first insert");
    conflict(t.write("a", json!(2), Expect::Absent).await);
    assert_eq!(t.value("a").await, Some(json!(1)));
}

async fn conflict_on_stale_version(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    conflict(t.write("a", json!(0), Expect::Version(1)).await);
    t.write("a", json!(1), Expect::Absent).await.expect("an insert");
    let first = t.version("a").await;
    t.write("a", json!(2), Expect::Version(first)).await.expect("an update");
    let second = t.version("a").await;
    assert!(second > first, "versions rise");
    conflict(t.write("a", json!(3), Expect::Version(first)).await);
    conflict(t.write("a", json!(3), Expect::Version(second + 1)).await);
    assert_eq!(t.value("a").await, Some(json!(2)));
    t.write("a", json!(3), Expect::Version(second)).await.expect("an update of what was read");
}

async fn version_is_not_reused_after_removal(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    t.write("a", json!(1), Expect::Absent).await.expect("an insert");
    let first = t.version("a").await;
    let mut batch = t.batch();
    batch.delete(NOTE, "a");
    t.commit(batch).await;
    t.write("a", json!(2), Expect::Absent).await.expect("an insert after removal");
    assert!(t.version("a").await > first, "who read the old document must not overwrite the new one");
    conflict(t.write("a", json!(3), Expect::Version(first)).await);
}

async fn anything_overwrites_and_inserts(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    t.write("a", json!(1), Expect::Anything).await.expect("an insert");
    let first = t.version("a").await;
    t.write("a", json!(2), Expect::Anything).await.expect("an overwrite");
    assert_eq!(t.value("a").await, Some(json!(2)));
    assert!(t.version("a").await > first, "versions rise whatever the condition");
}

async fn deleting_what_is_absent_succeeds(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    t.write("a", json!(1), Expect::Absent).await.expect("an insert");
    let mut batch = t.batch();
    batch.delete(NOTE, "a");
    batch.delete(NOTE, "never");
    t.commit(batch).await;
    assert_eq!(t.value("a").await, None);
}

async fn conflicting_batch_changes_nothing(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let mut batch = t.batch();
    batch.put(NOTE, "there", &json!("old"), Expect::Absent, None);
    batch.put(NOTE, "kept", &json!("old"), Expect::Absent, None);
    batch.append("list", 1, "old");
    t.commit(batch).await;

    let job = t.job("g", "l", now());
    let mut batch = t.batch();
    batch.put(NOTE, "fresh", &json!("new"), Expect::Absent, None);
    batch.put(NOTE, "kept", &json!("new"), Expect::Anything, None);
    batch.append("list", 2, "new");
    batch.append("list", 3, "old");
    batch.job(job.clone());
    batch.put(NOTE, "there", &json!("new"), Expect::Absent, None);
    t.refuse(batch).await;

    assert_eq!(t.value("fresh").await, None);
    assert_eq!(t.value("kept").await, Some(json!("old")));
    let list = t.store.page(&t.app, "list", super::super::Cut::Newest { limit: 9 }).await.expect("a page");
    assert_eq!(list, [super::super::ListEntry { rank: 1, member: "old".into() }]);
    let desk = t.lease(&job).await;
    assert_eq!(desk.groups().await, []);
    assert_eq!(desk.claim_ids(&job.group, job.due).await, []);
}

async fn repeated_batch_applies_once(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let job = t.job("g", "l", now());
    let mut batch = t.batch();
    batch.put(NOTE, "a", &json!(1), Expect::Absent, None);
    batch.append("list", 1, "a");
    batch.job(job.clone());
    t.commit(batch.clone()).await;
    let first = t.version("a").await;
    t.commit(batch.clone()).await;
    assert_eq!(t.version("a").await, first);
    t.write("a", json!(2), Expect::Version(first)).await.expect("an update");
    let desk = t.lease(&job).await;
    desk.done(&desk.claim_one(&job.group, job.due).await).await;
    t.commit(batch).await;
    assert_eq!(t.value("a").await, Some(json!(2)));
    assert_eq!(desk.claim_ids(&job.group, job.due).await, [], "a repetition brings no job back");
}

async fn refused_batch_may_be_tried_again(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    t.write("a", json!(1), Expect::Absent).await.expect("an insert");
    let mut batch = t.batch();
    batch.put(NOTE, "a", &json!(2), Expect::Absent, None);
    t.refuse(batch.clone()).await;
    let mut removal = t.batch();
    removal.delete(NOTE, "a");
    t.commit(removal).await;
    t.commit(batch).await;
    assert_eq!(t.value("a").await, Some(json!(2)), "a refusal is not remembered as done");
}

async fn expired_document_is_absent(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let mut batch = t.batch();
    batch.put(NOTE, "gone", &json!(1), Expect::Absent, Some(shifted(now(), -1_000)));
    batch.put(NOTE, "kept", &json!(1), Expect::Absent, Some(shifted(now(), 3_600_000)));
    t.commit(batch).await;
    assert_eq!(t.value("gone").await, None);
    assert_eq!(t.value("kept").await, Some(json!(1)));
    conflict(t.write("kept", json!(2), Expect::Absent).await);
    t.write("gone", json!(2), Expect::Absent).await.expect("an insert over an expired document");
    assert_eq!(t.value("gone").await, Some(json!(2)));
}

async fn document_expires_in_time(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let mut batch = t.batch();
    batch.put(NOTE, "a", &json!(1), Expect::Absent, Some(shifted(now(), 1_000)));
    t.commit(batch).await;
    let version = t.version("a").await;
    let deadline = std::time::Instant::now() + PATIENCE;
    while t.read("a").await.is_some() {
        assert!(std::time::Instant::now() < deadline, "it does not expire");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    conflict(t.write("a", json!(2), Expect::Version(version)).await);
    t.write("a", json!(2), Expect::Absent).await.expect("an insert over an expired document");
}

async fn rewriting_without_end_keeps_for_ever(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let mut batch = t.batch();
    batch.put(NOTE, "a", &json!(1), Expect::Absent, Some(shifted(now(), 500)));
    t.commit(batch).await;
    t.write("a", json!(2), Expect::Anything).await.expect("a rewrite");
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(t.value("a").await, Some(json!(2)));
}

async fn apps_do_not_share_documents(store: Arc<dyn Store>) {
    let (a, b) = (Tenant::new(store.clone()), Tenant::new(store));
    a.write("same", json!("a"), Expect::Absent).await.expect("an insert");
    assert_eq!(b.value("same").await, None);
    b.write("same", json!("b"), Expect::Absent).await.expect("an insert in the other app");
    let mut removal = b.batch();
    removal.delete(NOTE, "same");
    b.commit(removal).await;
    assert_eq!(a.value("same").await, Some(json!("a")));
}

async fn bodies_come_back_byte_for_byte(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let bodies = [
        r#"{"b":1,  "a":2}"#.to_owned(),
        "\"é\u{2028}🦊\\u0000\"".to_owned(),
        format!("\"{}\"", "x".repeat(300_000)),
    ];
    for body in bodies {
        let put = Put {
            key: Key::new(NOTE, "odd: id/with*signs{}"),
            expect: Expect::Anything,
            body: body.clone().into_bytes(),
            expires: None,
        };
        let mut batch = t.batch();
        batch.documents.push(Document::Put(put));
        t.commit(batch).await;
        let found = t.read("odd: id/with*signs{}").await.expect("the document is there");
        assert!(found.body == body.as_bytes(), "{} bytes changed", body.len());
    }
}

async fn concurrent_commits_all_land(store: Arc<dyn Store>) {
    let t = Arc::new(Tenant::new(store));
    let tasks: Vec<_> = (0..64).map(|n| tokio::spawn(twenty_inserts(t.clone(), n))).collect();
    for task in tasks {
        task.await.expect("a producer ends well");
    }
    for n in 0..64 {
        let keys: Vec<Key> = (0..20).map(|m| Key::new(NOTE, format!("{n}.{m}"))).collect();
        let found = t.store.read(&t.app, &keys).await.expect("it reads");
        assert!(found.iter().all(Option::is_some), "producer {n} lost something");
    }
}

async fn twenty_inserts(t: Arc<Tenant>, n: usize) {
    for m in 0..20 {
        let id = format!("{n}.{m}");
        t.write(&id, json!(n), Expect::Absent).await.expect("an insert");
        assert_eq!(t.value(&id).await, Some(json!(n)), "what was committed is read");
    }
}

async fn concurrent_counters_lose_no_count(store: Arc<dyn Store>) {
    let t = Arc::new(Tenant::new(store));
    t.write("sum", json!(0), Expect::Absent).await.expect("an insert");
    let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(ten_increments(t.clone()))).collect();
    for task in tasks {
        task.await.expect("a counter ends well");
    }
    assert_eq!(t.value("sum").await, Some(json!(80)));
}

async fn ten_increments(t: Arc<Tenant>) {
    let mut left = 10;
    while left > 0 {
        let read = t.read("sum").await.expect("the sum is there");
        let sum = value_of(&read).as_i64().expect("a number");
        match t.write("sum", json!(sum + 1), Expect::Version(read.version)).await {
            Ok(()) => left -= 1,
            Err(StoreError::Conflict(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

async fn a_healthy_store_says_so(store: Arc<dyn Store>) {
    store.healthy().await.expect("a fresh store is healthy");
}
