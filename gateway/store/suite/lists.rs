//! Lists: pages, bounds, moves, removals, isolation.

use super::super::{Cut, ListEntry};
use super::*;

pub(super) const CASES: &[(&str, Case)] = &[
    ("an_unknown_list_is_empty", |s| Box::pin(an_unknown_list_is_empty(s))),
    ("pages_are_cut_with_exclusive_bounds", |s| Box::pin(pages_are_cut_with_exclusive_bounds(s))),
    ("entries_of_one_rank_all_show", |s| Box::pin(entries_of_one_rank_all_show(s))),
    ("adding_a_member_again_moves_it", |s| Box::pin(adding_a_member_again_moves_it(s))),
    ("a_member_is_moved_if_it_is_there", |s| Box::pin(a_member_is_moved_if_it_is_there(s))),
    ("a_removed_member_is_gone", |s| Box::pin(a_removed_member_is_gone(s))),
    ("apps_do_not_share_lists", |s| Box::pin(apps_do_not_share_lists(s))),
];

const LIST: &str = "messages:one";

async fn ranks(t: &Tenant, list: &str, cut: Cut) -> Vec<i64> {
    let page = t.store.page(&t.app, list, cut).await.expect("a page");
    page.iter().map(|entry| entry.rank).collect()
}

async fn members(t: &Tenant, list: &str) -> Vec<(i64, String)> {
    let page = t.store.page(&t.app, list, Cut::Newest { limit: 100 }).await.expect("a page");
    page.into_iter().map(|ListEntry { rank, member }| (rank, member)).collect()
}

/// Ten entries of ranks 10 to 100 in an order of no meaning.
async fn ten(t: &Tenant) {
    let mut batch = t.batch();
    for n in [3, 9, 1, 10, 2, 7, 5, 4, 8, 6] {
        batch.append(LIST, n * 10, format!("m{n}"));
    }
    batch.append("messages:other", 55, "m5");
    t.commit(batch).await;
}

async fn an_unknown_list_is_empty(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    for cut in [Cut::Newest { limit: 5 }, Cut::Before { rank: 0, limit: 5 }, Cut::After { rank: 0, limit: 5 }]
    {
        assert_eq!(ranks(&t, "nothing", cut).await, [0_i64; 0]);
    }
}

async fn pages_are_cut_with_exclusive_bounds(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    ten(&t).await;
    assert_eq!(ranks(&t, LIST, Cut::Newest { limit: 3 }).await, [80, 90, 100]);
    assert_eq!(ranks(&t, LIST, Cut::Newest { limit: 50 }).await.len(), 10);
    assert_eq!(ranks(&t, LIST, Cut::Before { rank: 50, limit: 3 }).await, [20, 30, 40]);
    assert_eq!(ranks(&t, LIST, Cut::Before { rank: 55, limit: 2 }).await, [40, 50]);
    assert_eq!(ranks(&t, LIST, Cut::Before { rank: 10, limit: 3 }).await, [0_i64; 0]);
    assert_eq!(ranks(&t, LIST, Cut::Before { rank: i64::MAX, limit: 1 }).await, [100]);
    assert_eq!(ranks(&t, LIST, Cut::After { rank: 50, limit: 3 }).await, [60, 70, 80]);
    assert_eq!(ranks(&t, LIST, Cut::After { rank: 45, limit: 2 }).await, [50, 60]);
    assert_eq!(ranks(&t, LIST, Cut::After { rank: 100, limit: 3 }).await, [0_i64; 0]);
    assert_eq!(ranks(&t, LIST, Cut::After { rank: i64::MIN, limit: 1 }).await, [10]);
    assert_eq!(ranks(&t, LIST, Cut::Newest { limit: 0 }).await, [0_i64; 0]);
}

async fn entries_of_one_rank_all_show(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    let rank = now().millis() * 1_000;
    let mut batch = t.batch();
    for member in ["b", "a", "c"] {
        batch.append(LIST, rank, member);
    }
    batch.append(LIST, rank + 1, "d");
    t.commit(batch).await;
    let expected = [("a", 0), ("b", 0), ("c", 0), ("d", 1)].map(|(m, n)| (rank + n, m.to_owned()));
    assert_eq!(members(&t, LIST).await, expected);
    assert_eq!(ranks(&t, LIST, Cut::After { rank, limit: 9 }).await, [rank + 1], "ranks are kept exactly");
}

async fn adding_a_member_again_moves_it(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    ten(&t).await;
    let mut batch = t.batch();
    batch.append(LIST, 95, "m1");
    t.commit(batch).await;
    assert_eq!(ranks(&t, LIST, Cut::Newest { limit: 3 }).await, [90, 95, 100]);
    assert_eq!(ranks(&t, LIST, Cut::After { rank: 0, limit: 1 }).await, [20]);
    assert_eq!(members(&t, LIST).await.len(), 10);
    assert_eq!(members(&t, "messages:other").await, [(55, "m5".to_owned())]);
}

async fn a_member_is_moved_if_it_is_there(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    ten(&t).await;
    let mut batch = t.batch();
    batch.rerank(LIST, 95, "m1");
    batch.rerank(LIST, 96, "never there");
    batch.rerank("messages:other", 97, "m1");
    t.commit(batch).await;
    assert_eq!(ranks(&t, LIST, Cut::Newest { limit: 3 }).await, [90, 95, 100]);
    assert_eq!(members(&t, LIST).await.len(), 10);
    assert_eq!(members(&t, "messages:other").await, [(55, "m5".to_owned())]);
}

async fn a_removed_member_is_gone(store: Arc<dyn Store>) {
    let t = Tenant::new(store);
    ten(&t).await;
    let mut batch = t.batch();
    batch.remove(LIST, "m5");
    batch.remove(LIST, "never there");
    t.commit(batch).await;
    assert_eq!(ranks(&t, LIST, Cut::After { rank: 30, limit: 2 }).await, [40, 60]);
    assert_eq!(members(&t, "messages:other").await, [(55, "m5".to_owned())]);
}

async fn apps_do_not_share_lists(store: Arc<dyn Store>) {
    let (a, b) = (Tenant::new(store.clone()), Tenant::new(store));
    ten(&a).await;
    assert_eq!(members(&b, LIST).await, []);
    let mut batch = b.batch();
    batch.remove(LIST, "m1");
    batch.append(LIST, 1, "m2");
    b.commit(batch).await;
    assert_eq!(members(&a, LIST).await.len(), 10);
    assert_eq!(members(&b, LIST).await, [(1, "m2".to_owned())]);
}
