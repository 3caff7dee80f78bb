//! What the business knows about a person: changed field by field, and blanked.

use serde_json::{Map, Value};

use crate::model::{NewJob, Tenant, Timestamp, User};
use crate::store::Batch;

use super::{Core, CoreError, retried};

/// Properties: bytes of keys and values together.
pub(super) const PROPERTIES_MAX: usize = 4096;

/// What becomes of one fact about a person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Change<T> {
    /// It stays.
    #[default]
    Keep,
    /// It is forgotten.
    Clear,
    /// It is this from now on.
    Set(T),
}

impl<T> Change<T> {
    /// What a request says: nothing, that it goes, or what it is.
    pub fn of(said: Option<Option<T>>) -> Change<T> {
        match said {
            None => Change::Keep,
            Some(None) => Change::Clear,
            Some(Some(value)) => Change::Set(value),
        }
    }

    pub(super) fn apply(self, to: &mut Option<T>) {
        match self {
            Change::Keep => {}
            Change::Clear => *to = None,
            Change::Set(value) => *to = Some(value),
        }
    }
}

/// What a request changes about a person.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProfileChange {
    /// First name.
    pub given_name: Change<String>,
    /// Last name.
    pub surname: Change<String>,
    /// Email address, for display.
    pub email: Change<String>,
    /// Where their picture is.
    pub avatar_url: Change<String>,
    /// Their language.
    pub locale: Change<String>,
    /// Whether the business wants their data kept.
    pub to_be_retained: Option<bool>,
    /// When they signed up.
    pub signed_up_at: Option<Timestamp>,
    /// Whether all facts go before others are set.
    pub clears_properties: bool,
    /// Facts that are set, and with null those that are removed; the others stay.
    pub properties: Map<String, Value>,
}

impl Core {
    /// Changes what is known of a user and leaves what the change does not name.
    pub async fn change_profile(
        &self,
        tenant: &Tenant,
        user: &str,
        change: &ProfileChange,
    ) -> Result<User, CoreError> {
        self.change_user(tenant, user, |user, _| applied(user, change.clone())).await
    }

    /// Blanks what is known of a user, and soon also where it was copied to: in what is still to be told, what could
    /// not be told, and what was answered. Messages stay.
    pub async fn forget_profile(&self, tenant: &Tenant, user: &str) -> Result<User, CoreError> {
        let now = self.clock.now();
        let forget = |user: &mut User, batch: &mut Batch| {
            user.forget_profile();
            batch.job(NewJob::blank(&tenant.app.id, &user.id, now));
            Ok(())
        };
        self.change_user(tenant, user, forget).await
    }

    async fn change_user(
        &self,
        tenant: &Tenant,
        id: &str,
        change: impl Fn(&mut User, &mut Batch) -> Result<(), CoreError>,
    ) -> Result<User, CoreError> {
        retried(|| self.try_change_user(tenant, id, &change)).await
    }

    async fn try_change_user(
        &self,
        tenant: &Tenant,
        id: &str,
        change: &impl Fn(&mut User, &mut Batch) -> Result<(), CoreError>,
    ) -> Result<User, CoreError> {
        let mut read = self.find_user(tenant, id).await?;
        let mut batch = Batch::new(&tenant.app.id);
        change(&mut read.value, &mut batch)?;
        batch.update(&read);
        self.store.commit(batch).await?;
        Ok(read.value)
    }
}

fn applied(user: &mut User, change: ProfileChange) -> Result<(), CoreError> {
    change.given_name.apply(&mut user.given_name);
    change.surname.apply(&mut user.surname);
    change.email.apply(&mut user.email);
    change.avatar_url.apply(&mut user.avatar_url);
    change.locale.apply(&mut user.locale);
    user.to_be_retained = change.to_be_retained.unwrap_or(user.to_be_retained);
    if change.clears_properties {
        user.properties.clear();
    }
    user.signed_up_at = change.signed_up_at.unwrap_or(user.signed_up_at);
    if change_facts(&mut user.properties, change.properties) <= PROPERTIES_MAX {
        return Ok(());
    }
    Err(CoreError::Invalid(format!("properties: is limited to {PROPERTIES_MAX} bytes in size")))
}

/// Sets facts, and removes those that are null. How much room they all take then.
pub(super) fn change_facts(facts: &mut Map<String, Value>, change: Map<String, Value>) -> usize {
    for (key, value) in change {
        if value.is_null() {
            facts.remove(&key);
        } else {
            facts.insert(key, value);
        }
    }
    facts.iter().map(|(key, value)| size_of_fact(key, value)).sum()
}

/// How much of the room for properties one of them takes.
pub(super) fn size_of_fact(key: &str, value: &Value) -> usize {
    key.len() + value.as_str().map_or_else(|| value.to_string().len(), str::len)
}
