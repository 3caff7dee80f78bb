//! Claims whose answer never arrived: their jobs are out, yet nobody has them, until they are released.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::Id;
use crate::store::Queue;

/// The given-up claims by queue. A queue with some is not claimed from before they are released, so there are never
/// more than claims run at the same time.
#[derive(Debug, Default)]
pub(super) struct GivenUp {
    claims: Mutex<HashMap<Queue, Vec<Id<Token>>>>,
}

/// What the id of a claim names.
#[derive(Debug)]
pub(super) enum Token {}

/// One call of `claim`; known by its id in the queue's `out` hash.
///
/// Dropped without [`Claim::answered`], because the call failed or its caller went away, it is given up.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    pub(super) id: Id<Token>,
    queue: Queue,
    given_up: &'a GivenUp,
    answered: bool,
}

impl GivenUp {
    pub(super) fn begin(&self, queue: Queue) -> Claim<'_> {
        Claim { id: Id::random(), queue, given_up: self, answered: false }
    }

    /// The claims of a queue that wait to be released.
    pub(super) fn of(&self, queue: Queue) -> Vec<Id<Token>> {
        self.lock().get(&queue).cloned().unwrap_or_default()
    }

    /// These have been released.
    pub(super) fn forget(&self, queue: Queue, released: &[Id<Token>]) {
        let mut claims = self.lock();
        let Some(waiting) = claims.get_mut(&queue) else { return };
        waiting.retain(|claim| !released.contains(claim));
        if waiting.is_empty() {
            claims.remove(&queue);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Queue, Vec<Id<Token>>>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim<'_> {
    /// Its jobs have reached their claimer, or it took none.
    pub(super) fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.given_up.lock().entry(self.queue).or_default().push(self.id.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: Queue = Queue { shard: 0, slot: 0 };

    #[test]
    fn a_claim_is_given_up_unless_answered() {
        let given_up = GivenUp::default();
        given_up.begin(QUEUE).answered();
        assert!(given_up.of(QUEUE).is_empty());
        let lost = given_up.begin(QUEUE).id.clone();
        assert_eq!(given_up.of(QUEUE), std::slice::from_ref(&lost));
        given_up.forget(QUEUE, &[lost]);
        assert!(given_up.of(QUEUE).is_empty());
    }
}
