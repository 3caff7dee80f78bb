//! The keys, and what is under them. Every key begins with the hash tag `{sNN}` of its app's shard, so that all a
//! script touches lies in one slot of a Redis Cluster.
//!
//! | key | type | holds |
//! |---|---|---|
//! | `{sNN}:d:APP:KIND:ID` | string | a document: its version, a space, its JSON; expires by itself |
//! | `{sNN}:l:APP:LIST` | sorted set | a list: members by rank |
//! | `{sNN}:c:APP:FAMILY` | hash | counter → its value; a family may expire |
//! | `{sNN}:v` | integer | the shard's last document version |
//! | `{sNN}:b:ID` | string, 60 s | this batch was committed (or this claim given up) |
//! | `{sNN}:qS:jobs` | hash | job id → MessagePack of `{app, group, lane, due, attempt, work}` |
//! | `{sNN}:qS:lane:LANE` | list | the lane's job ids in the order of their commits; a job that is out stays first |
//! | `{sNN}:qS:heads:GROUP` | sorted set | the group's lanes with a head to give out, by its due time |
//! | `{sNN}:qS:ready` | sorted set | the groups with a head to give out, by the earliest due time |
//! | `{sNN}:qS:counts` | hash | how many jobs each group has |
//! | `{sNN}:qS:out` | hash | ids of the jobs given out → id of the claim |
//! | `{sNN}:qS:epoch` | integer | the queue's last lease |
//! | `{s00}:layout` | string | the version of this table and the number of shards, checked at start |
//! | `{s00}:alive` | string, 60 s | what the readiness check writes |
//!
//! `S` is the slot, 0 to 7. In `APP` a colon is written `%3A` and a percent sign `%25`, so no app can name a key
//! of another.

use crate::model::{App, Id};
use crate::store::{Key, Queue};

/// Where the number of shards is written down.
pub(super) const LAYOUT: &str = "{s00}:layout";

/// What the readiness check writes.
pub(super) const ALIVE: &str = "{s00}:alive";

/// The keys of one app.
#[derive(Debug)]
pub(super) struct AppKeys {
    shard: u16,
    app: String,
}

impl AppKeys {
    pub(super) fn new(shard: u16, app: &Id<App>) -> AppKeys {
        AppKeys { shard, app: app.as_str().replace('%', "%25").replace(':', "%3A") }
    }

    pub(super) fn document(&self, key: &Key) -> String {
        format!("{{s{:02}}}:d:{}:{}:{}", self.shard, self.app, key.kind, key.id)
    }

    pub(super) fn list(&self, list: &str) -> String {
        format!("{{s{:02}}}:l:{}:{list}", self.shard, self.app)
    }

    /// The kind and id in the key of a document.
    pub(super) fn kind_and_id<'a>(&self, key: &'a str) -> Option<(&'a str, &'a str)> {
        key.strip_prefix(&format!("{{s{:02}}}:d:{}:", self.shard, self.app))?.split_once(':')
    }

    /// What matches every document, or every document, list and family of counters.
    pub(super) fn pattern(&self, of: &str) -> String {
        // What a pattern gives a meaning to stands for itself after a backslash.
        let mut app = String::new();
        for character in self.app.chars() {
            if "*?[]\\^-".contains(character) {
                app.push('\\');
            }
            app.push(character);
        }
        format!("{{s{:02}}}:{of}:{app}:*", self.shard)
    }

    pub(super) fn counters(&self, family: &str) -> String {
        format!("{{s{:02}}}:c:{}:{family}", self.shard, self.app)
    }
}

/// The shard's version counter.
pub(super) fn versions(shard: u16) -> String {
    format!("{{s{shard:02}}}:v")
}

/// What says that a batch was committed or a claim given up.
pub(super) fn marker(shard: u16, id: &str) -> String {
    format!("{{s{shard:02}}}:b:{id}")
}

/// What every key of a queue begins with.
pub(super) fn queue(queue: Queue) -> String {
    format!("{{s{:02}}}:q{}:", queue.shard, queue.slot)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(app: &str, kind: &'static str, id: &str) -> String {
        AppKeys::new(3, &Id::new(app)).document(&Key::new(kind, id))
    }

    #[test]
    fn keys_look_as_the_table_says() {
        assert_eq!(document("5963c0", "user", "a:b"), "{s03}:d:5963c0:user:a:b");
        assert_eq!(AppKeys::new(117, &Id::new("5963c0")).list("events"), "{s117}:l:5963c0:events");
        assert_eq!(queue(Queue { shard: 0, slot: 7 }), "{s00}:q7:");
    }

    #[test]
    fn a_documents_key_is_read_again_and_an_apps_name_is_no_pattern() {
        let keys = AppKeys::new(3, &Id::new("5963c0"));
        assert_eq!(keys.kind_and_id(&document("5963c0", "user", "a:b")), Some(("user", "a:b")));
        assert_eq!(keys.kind_and_id("{s03}:l:5963c0:events"), None);
        assert_eq!(AppKeys::new(3, &Id::new("a*")).pattern("[dlc]"), r"{s03}:[dlc]:a\*:*");
    }

    #[test]
    fn no_app_can_name_a_key_of_another() {
        assert_ne!(document("a", "user", "user:x"), document("a:user", "user", "x"));
        assert_ne!(document("a:b", "user", "x"), document("a%3Ab", "user", "x"));
    }
}
