//! How often a provider is asked to show a menu.

use crate::model::Job;
use crate::store::Retry;

use super::Core;
use super::send::retry_at;

/// After so many tries a menu is left as it is: whoever set it sees that it is not there, and sets it again.
const TRIES: u32 = 50;

impl Core {
    /// When a menu that could not be shown is to be tried again; `None` when it is given up.
    pub fn show_menu_again(&self, job: &Job) -> Option<Retry> {
        let due = retry_at(&self.policy.retry, job.attempt, self.clock.now())?;
        (job.attempt < TRIES).then_some(Retry { due, attempt: job.attempt + 1, keeps_lane: true })
    }
}
