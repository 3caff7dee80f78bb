//! Who is let in: a bounded backlog for each app, a bounded number of requests at once for the gateway.
//!
//! Over its own bound an app is told 429; when the gateway itself has no room, whoever comes is told 503.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::core::Core;
use crate::model::{App, Id, Tenant, Timestamp};

use super::problem::Problem;

/// API requests worked on at once. Each waits for one commit at most, and the store commits hundreds together: more
/// than this means that it does not keep up.
const REQUESTS_MAX: usize = 2_048;

/// The same for hooks, which are not to wait for callers nor callers for them.
const HOOKS_MAX: usize = 1_024;

/// Uploads at once, which may take long. Each holds a buffer or two, and a file that is written.
const UPLOADS_MAX: usize = 64;

/// So long a count is gone by. What is accepted meanwhile is added to it.
const TRUSTED: Duration = Duration::from_secs(1);

/// A full app's count is looked at this often, so that room is soon seen.
const FULL_LOOK: Duration = Duration::from_millis(100);

/// What lets in.
#[derive(Debug)]
pub struct Admission {
    backlog: u64,
    requests: Semaphore,
    hooks: Semaphore,
    uploads: Semaphore,
    apps: Mutex<HashMap<Id<App>, Counted>>,
}

/// What is known of an app's backlog.
#[derive(Debug, Clone, Copy)]
struct Counted {
    at: Timestamp,
    jobs: u64,
}

impl Admission {
    /// Lets every app have so many sends waiting.
    pub fn new(backlog: u64) -> Admission {
        let (requests, hooks) = (Semaphore::new(REQUESTS_MAX), Semaphore::new(HOOKS_MAX));
        let uploads = Semaphore::new(UPLOADS_MAX);
        Admission { backlog, requests, hooks, uploads, apps: Mutex::default() }
    }

    /// Room for a request of the API.
    pub(super) fn request(&self) -> Result<SemaphorePermit<'_>, Problem> {
        self.requests.try_acquire().map_err(|_| Problem::overloaded())
    }

    /// Room for a request that brings a file.
    pub(super) fn upload(&self) -> Result<SemaphorePermit<'_>, Problem> {
        self.uploads.try_acquire().map_err(|_| Problem::overloaded())
    }

    /// Room for a hook.
    pub(super) fn hook(&self) -> Result<SemaphorePermit<'_>, Problem> {
        self.hooks.try_acquire().map_err(|_| Problem::overloaded())
    }

    /// Room for one more send of an app.
    pub(super) async fn send(&self, core: &Core, tenant: &Tenant) -> Result<(), Problem> {
        let app = &tenant.app.id;
        let now = core.now();
        if self.is_stale(app, now) {
            let jobs = core.queued(tenant).await?;
            self.lock().insert(app.clone(), Counted { at: now, jobs });
        }
        let mut apps = self.lock();
        let counted = apps.entry(app.clone()).or_insert(Counted { at: now, jobs: 0 });
        if counted.jobs >= self.backlog {
            return Err(Problem::too_many("The app has too many messages waiting to be sent"));
        }
        counted.jobs += 1;
        Ok(())
    }

    /// Whether the app is to be counted anew, by whoever asked first.
    fn is_stale(&self, app: &Id<App>, now: Timestamp) -> bool {
        let mut apps = self.lock();
        let Some(counted) = apps.get_mut(app) else { return true };
        let trusted = if counted.jobs < self.backlog { TRUSTED } else { FULL_LOOK };
        let is_stale = now.since(counted.at) >= trusted;
        if is_stale {
            counted.at = now;
        }
        is_stale
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Id<App>, Counted>> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_is_counted_by_one_and_sooner_when_full() {
        let admission = Admission::new(10);
        let (app, at) = (Id::new("app"), Timestamp::from_millis);
        assert!(admission.is_stale(&app, at(0)), "nothing is known yet");
        admission.lock().insert(app.clone(), Counted { at: at(0), jobs: 9 });
        assert!(!admission.is_stale(&app, at(999)));
        assert!(admission.is_stale(&app, at(1_000)));
        assert!(!admission.is_stale(&app, at(1_000)), "somebody counts already");
        admission.lock().insert(app.clone(), Counted { at: at(2_000), jobs: 10 });
        assert!(admission.is_stale(&app, at(2_100)));
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let admission = Admission::new(10);
        let inside: Vec<_> = (0..REQUESTS_MAX).map(|_| admission.request().expect("room")).collect();
        assert_eq!(admission.request().err(), Some(Problem::overloaded()));
        assert!(admission.hook().is_ok(), "hooks have their own");
        drop(inside);
        assert!(admission.request().is_ok());
    }
}
