//! A provider's books: one place per integration, which may be given anew while calls look at it.

use std::sync::{Arc, Mutex};

use super::{Account, lock};

/// An integration's place at a provider.
pub(super) trait Place: Sized {
    /// Makes it from the settings; `None` when they are incomplete.
    fn new(account: &Arc<Account>) -> Option<Self>;

    /// Whose it is.
    fn account(&self) -> &Arc<Account>;
}

/// The places there are, the newest first: of two with the same credentials it has the say.
pub(super) struct Places<T>(Mutex<Arc<[Arc<T>]>>);

impl<T: Place> Places<T> {
    /// The places of the integrations of a type.
    pub(super) fn of(accounts: &[Arc<Account>], kind: &str) -> Places<T> {
        let mut places = Vec::new();
        for account in accounts.iter().filter(|account| account.kind == kind) {
            match T::new(account) {
                Some(place) => places.push(Arc::new(place)),
                None => tracing::warn!(integration = %account.integration_id, "incomplete {kind} settings"),
            }
        }
        Places(Mutex::new(places.into()))
    }

    /// Gives an integration its place, instead of the one it may have; false when its settings are incomplete.
    pub(super) fn admit(&self, account: &Arc<Account>) -> bool {
        let Some(place) = T::new(account) else { return false };
        let mut places = lock(&self.0);
        let others =
            places.iter().filter(|other| other.account().integration_id != account.integration_id).cloned();
        *places = std::iter::once(Arc::new(place)).chain(others).collect();
        true
    }

    /// All of them, as they are now.
    pub(super) fn all(&self) -> Arc<[Arc<T>]> {
        Arc::clone(&lock(&self.0))
    }

    /// The first that fits.
    pub(super) fn find(&self, fits: impl Fn(&T) -> bool) -> Option<Arc<T>> {
        self.all().iter().find(|place| fits(place)).cloned()
    }

    /// Each that fits.
    pub(super) fn filter(&self, fits: impl Fn(&T) -> bool) -> Vec<Arc<T>> {
        self.all().iter().filter(|place| fits(place)).cloned().collect()
    }

    /// An integration's own.
    pub(super) fn place_of(&self, account: &Account) -> Option<Arc<T>> {
        self.find(|place| place.account().integration_id == account.integration_id)
    }
}
