//! Requests that have their effect once, however often they are made.
//!
//! The mark of an `Idempotency-Key` is committed in the batch of the effect: there is no moment at which one is
//! durable without the other, so nothing is left open by a process that dies, and nothing is done twice.

use std::sync::Arc;
use std::time::Duration;

use heliograph_connectors::channel::signature::sha256;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{App, Id, Seal, Timestamp};
use crate::store::{Batch, Expect, SecretRecord};

use super::{Core, CoreError};

/// How long a key is remembered.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest answer that is kept, in bytes: more than a message of the largest default body is answered with.
const ANSWER_MAX: usize = 256 * 1024;

/// A caller's key for one request, and what the request said.
#[derive(Debug, Clone)]
pub struct Mark {
    id: String,
    digest: String,
    seal: Arc<dyn Seal>,
}

/// What a request that carries a mark leaves behind: how it is answered, for whoever asks again.
#[derive(Debug)]
pub struct Once<'a, T> {
    /// The mark; without one nothing is remembered.
    pub mark: Option<&'a Mark>,
    /// The status of the answer.
    pub status: u16,
    /// The answer's body.
    pub answer: fn(&T) -> Value,
}

/// What is known of a mark that was seen before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Earlier {
    /// The same request, and how it was answered.
    Answered {
        /// The status.
        status: u16,
        /// The body, as it was.
        body: String,
    },
    /// The same request; its answer was too long to be kept, or told of somebody who was erased since.
    NotKept,
    /// Another request had this key.
    Another,
}

/// A mark as it is kept: of the request only a digest.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    id: String,
    digest: String,
    status: u16,
    answer: Option<String>,
}

impl SecretRecord for Kept {
    const KIND: &'static str = "once";
    const SECRET: &'static str = "answer";

    fn record_id(&self) -> String {
        self.id.clone()
    }
}

impl Mark {
    /// The mark of a request: keys of different callers and for different paths never meet. What is answered may
    /// hold a secret, so it is kept sealed.
    pub fn new(seal: Arc<dyn Seal>, caller: &str, path: &str, key: &str, body: &[u8]) -> Mark {
        let named = format!("{caller}\n{path}\n{key}");
        Mark { id: hex::encode(sha256(named.as_bytes())), digest: hex::encode(sha256(body)), seal }
    }

    /// Under what it is kept.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl<T> Once<'_, T> {
    /// Adds the mark, with the answer to what was done, to the batch that does it.
    pub fn enter(&self, batch: &mut Batch, now: Timestamp, done: &T) {
        let Some(mark) = self.mark else { return };
        let answer = (self.answer)(done).to_string();
        let answer = (answer.len() <= ANSWER_MAX).then_some(answer);
        let kept = Kept { id: mark.id.clone(), digest: mark.digest.clone(), status: self.status, answer };
        batch.put_sealed(&*mark.seal, &kept, Expect::Absent, Some(now + KEPT));
    }
}

impl Core {
    /// What became of a request with this mark, if it was done before.
    pub async fn earlier(&self, app: &Id<App>, mark: &Mark) -> Result<Option<Earlier>, CoreError> {
        let found = self.store.load_sealed::<Kept>(app, &mark.id, &*mark.seal).await?;
        Ok(found.map(|found| compare(mark, found.value)))
    }
}

/// A mark that only remembers that it was used, where its answer told of one of these names, or cannot be opened.
pub(super) fn without_answer(seal: &dyn Seal, id: &str, body: &[u8], names: &[&str]) -> Option<Value> {
    let mut kept: Value = serde_json::from_slice(body).ok()?;
    let answer = seal.open(Kept::KIND, id, kept.get_mut(Kept::SECRET)?.take());
    let answer = answer.map(|answer| answer.as_str().unwrap_or_default().to_owned());
    if answer.is_ok_and(|answer| !names.iter().any(|name| answer.contains(name))) {
        return None;
    }
    Some(kept)
}

/// Writes such a mark.
pub(super) fn keep_mark(batch: &mut Batch, id: &str, version: u64, mark: &Value, now: Timestamp) {
    batch.put(Kept::KIND, id, mark, Expect::Version(version), Some(now + KEPT));
}

/// The kind of marks.
pub(super) const ONCE: &str = Kept::KIND;

fn compare(mark: &Mark, kept: Kept) -> Earlier {
    if kept.digest != mark.digest {
        return Earlier::Another;
    }
    match kept.answer {
        Some(body) => Earlier::Answered { status: kept.status, body },
        None => Earlier::NotKept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Sealer;
    use crate::store::Document;

    fn mark(caller: &str, path: &str, key: &str, body: &[u8]) -> Mark {
        let seal = Sealer::new(None).expect("no key is fine");
        Mark::new(Arc::new(seal), caller, path, key, body)
    }

    fn kept(mark: &Mark, answer: fn(&()) -> Value) -> Kept {
        let mut batch = Batch::new(&Id::new("app"));
        let once = Once { mark: Some(mark), status: 201, answer };
        once.enter(&mut batch, Timestamp::from_millis(0), &());
        let Some(Document::Put(put)) = batch.documents.pop() else { panic!("a document is written") };
        assert_eq!(put.expires, Some(Timestamp::from_millis(24 * 60 * 60 * 1000)));
        serde_json::from_slice(&put.body).expect("a mark")
    }

    #[test]
    fn a_mark_is_the_callers_the_paths_and_the_keys() {
        let mark = |caller, path, key| mark(caller, path, key, b"").id;
        let all = [mark("a", "/b", "c"), mark("a", "/bc", ""), mark("", "a/b", "c"), mark("a", "/b", "d")];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[at + 1..].contains(one));
        }
    }

    #[test]
    fn the_same_request_is_answered_and_another_is_told_apart() {
        let other = mark("app", "/notifications", "key", b"{ }");
        let mark = mark("app", "/notifications", "key", b"{}");
        let answered = Earlier::Answered { status: 201, body: "1".into() };
        assert_eq!(compare(&mark, kept(&mark, |()| Value::from(1))), answered);
        assert_eq!(compare(&other, kept(&mark, |()| Value::from(1))), Earlier::Another);
        let long: fn(&()) -> Value = |()| Value::from("x".repeat(ANSWER_MAX));
        assert_eq!(compare(&mark, kept(&mark, long)), Earlier::NotKept);
    }
}
