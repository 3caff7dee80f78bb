//! Ids: text that knows what it names.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// The id of a `T`: 24 lowercase hex digits, or a UUID for a notification.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id<T> {
    text: String,
    #[serde(skip)]
    of: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    /// An id known from elsewhere.
    pub fn new(text: impl Into<String>) -> Id<T> {
        Id { text: text.into(), of: PhantomData }
    }

    /// A new id of 24 hex digits: seconds, milliseconds, chance. So ids sort by age, and lists that are read page by
    /// page stay as they were while more is added.
    pub fn fresh(now: Timestamp) -> Id<T> {
        let (seconds, millis) = (now.millis().div_euclid(1000) as u32, now.millis().rem_euclid(1000));
        Id::new(format!("{seconds:08x}{millis:03x}{:013x}", rand::random::<u64>() >> 12))
    }

    /// When it was given out, where it is one of [`Self::fresh`]: to the second for those that an earlier version made,
    /// which held no milliseconds.
    pub fn moment(&self) -> Option<Timestamp> {
        let digits = Self::is_like_ours(&self.text)
            .then(|| u32::from_str_radix(&self.text[..8], 16).ok())
            .flatten()?;
        let millis =
            i64::from_str_radix(&self.text[8..11], 16).ok().filter(|millis| *millis < 1000).unwrap_or(0);
        Some(Timestamp::from_millis(i64::from(digits) * 1000 + millis))
    }

    /// A new UUID, as notifications and events have. Its version 7 begins with the time, so that what is stored
    /// together lies together: at random places every insert would touch a page of its own.
    pub fn fresh_uuid(now: Timestamp) -> Id<T> {
        let millis = now.millis().unsigned_abs();
        let uuid = uuid::Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid();
        Id::new(uuid.to_string())
    }

    /// Whether a text looks like one of [`Self::fresh`]: what does not, was never given out.
    pub fn is_like_ours(text: &str) -> bool {
        text.len() == 24 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    }

    /// A new id of pure chance, for what is never stored.
    pub fn random() -> Id<T> {
        Id::new(format!("{:032x}", rand::random::<u128>()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Id<T> {
        Id::new(self.text.clone())
    }
}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Id<T>) -> bool {
        self.text == other.text
    }
}

impl<T> Eq for Id<T> {}

impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Id<T>) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Id<T>) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::User;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ids_sort_by_age(one in 0_i64..4_000_000_000_000, later in 1_i64..10_000) {
            let id = |millis| Id::<User>::fresh(Timestamp::from_millis(millis));
            let (one, other) = (id(one), id(one + later));
            prop_assert!(one < other, "{one} {other}");
            prop_assert!(one.as_str().len() == 24 && one.as_str().bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
    }
}
