//! Waiting for a condition, never for a time: every wait looks again and again until its deadline.

use std::time::{Duration, Instant};

/// How long a condition may take on a slow, busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

const PAUSE: Duration = Duration::from_millis(15);

/// Looks until there is something to see; panics naming `what` when patience ends.
pub(crate) async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    within(PATIENCE, what, look).await
}

/// `eventually` with a patience of its own.
pub(crate) async fn within<T>(patience: Duration, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "waited {patience:?} in vain for {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
