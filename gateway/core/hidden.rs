//! What is kept about an address without the address: that a person wants no messages, that an event was seen, whose
//! a provider's id is. A hash stands for it, so that all of this may outlive the person, or hold no trace of them.

use heliograph_connectors::channel::signature::sha256;
use serde::{Deserialize, Serialize};

use crate::model::{App, Delivery, Id, Integration, Timestamp};
use crate::store::{Batch, Expect, Key, Stored};

use super::records::{SEEN, address_id};
use super::settle::Scene;
use super::{Core, CoreError};

/// The kind of the marks that a person wants no more messages from an integration.
const OPT_OUT: &str = "optout";

/// The kind of the marks that a person, or all that was known of an address, is being erased.
pub(super) const ERASED: &str = "erased";

/// That a person wants no more messages, or that they are being erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Since {
    pub(super) at: Timestamp,
}

/// What keeps a delivery from being sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Barred {
    /// Whoever has the address wants no messages.
    pub(super) opted_out: bool,
    /// Whom it is for is being erased, and with them the delivery.
    pub(super) erased: bool,
}

/// The id of what is kept about an address, or a provider's id that may hold one, in its place. The integration is the
/// salt: the same address has another id at each. What is short can be found by trying; it hides from a look, not from
/// somebody who tries every number.
pub(super) fn hidden_id(integration: &Id<Integration>, address: &str) -> String {
    let hash = sha256(format!("{integration}\n{address}").as_bytes());
    format!("{integration}#{}", hex::encode(&hash[..16]))
}

/// The hidden id, and under what the same was kept before ids were hidden.
pub(super) fn both_ids(integration: &Id<Integration>, address: &str) -> [String; 2] {
    [hidden_id(integration, address), address_id(integration, address)]
}

fn seen_id(mark: &str) -> String {
    hex::encode(&sha256(mark.as_bytes())[..16])
}

impl Core {
    /// What keeps a delivery from being sent, all in one read.
    pub(super) async fn barred(&self, app: &Id<App>, delivery: &Delivery) -> Result<Barred, CoreError> {
        let Delivery { integration, destination, user, .. } = delivery;
        let [hidden, plain] = both_ids(integration, destination);
        let mut keys = vec![Key::new(ERASED, &*hidden), Key::new(OPT_OUT, hidden), Key::new(OPT_OUT, plain)];
        keys.extend(user.as_ref().map(|user| Key::new(ERASED, user.as_str())));
        let found = self.store.read(app, &keys).await?;
        let is_before = |stored: &Stored| {
            let since: Result<Since, _> = serde_json::from_slice(&stored.body);
            since.map_or(true, |since| delivery.created <= since.at)
        };
        let is_person = found.get(3).is_some_and(Option::is_some);
        Ok(Barred {
            opted_out: found[1..].iter().take(2).any(Option::is_some),
            erased: is_person || found.first().is_some_and(|found| found.as_ref().is_some_and(is_before)),
        })
    }

    /// Marks that a person wants no more messages, or takes the mark away.
    pub(super) fn mark_opt(&self, scene: Scene<'_>, address: &str, out: bool, batch: &mut Batch) {
        let [hidden, plain] = both_ids(&scene.integration.id, address);
        if out {
            batch.put(OPT_OUT, hidden, &Since { at: scene.now }, Expect::Anything, None);
        } else {
            batch.delete(OPT_OUT, hidden);
        }
        batch.delete(OPT_OUT, plain);
    }

    /// Whether whoever has an address wants no messages there.
    pub(super) async fn wants_none(&self, scene: Scene<'_>, address: &str) -> Result<bool, CoreError> {
        let ids = both_ids(&scene.integration.id, address);
        let keys = ids.map(|id| Key::new(OPT_OUT, id));
        let found = self.store.read(&scene.tenant.app.id, &keys).await?;
        Ok(found.iter().any(Option::is_some))
    }

    /// Keeps that somebody wants no messages, and their address no longer.
    pub(super) async fn hide_opt_outs(
        &self,
        app: &Id<App>,
        addresses: &[(Id<Integration>, String)],
        batch: &mut Batch,
    ) -> Result<(), CoreError> {
        let plain = |(integration, address): &(Id<Integration>, String)| {
            Key::new(OPT_OUT, address_id(integration, address))
        };
        let keys: Vec<Key> = addresses.iter().map(plain).collect();
        let found = self.store.read(app, &keys).await?;
        for ((integration, address), (key, found)) in addresses.iter().zip(keys.into_iter().zip(found)) {
            let Some(stored) = found else { continue };
            let since = serde_json::from_slice(&stored.body).unwrap_or(Since { at: self.clock.now() });
            batch.put(OPT_OUT, hidden_id(integration, address), &since, Expect::Anything, None);
            batch.delete(OPT_OUT, key.id);
        }
        Ok(())
    }

    /// Whether an event of a provider was taken in before.
    pub(super) async fn was_seen(&self, app: &Id<App>, mark: &str) -> Result<bool, CoreError> {
        // The second as it was kept before marks were hidden.
        let keys = [Key::new(SEEN, seen_id(mark)), Key::new(SEEN, mark)];
        let seen = self.store.read(app, &keys).await?;
        Ok(seen.iter().any(Option::is_some))
    }

    pub(super) fn mark_seen(&self, batch: &mut Batch, mark: &str, expect: Expect) {
        let expires = self.clock.now() + self.policy.keep_dedupe;
        batch.put(SEEN, seen_id(mark), &true, expect, Some(expires));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_id_is_always_the_same_and_shows_nothing() {
        let hidden = |integration: &str, address| hidden_id(&Id::new(integration), address);
        assert_eq!(hidden("5e1f", "+15145550181"), "5e1f#24c6e10750fb0c74779eb2743da886cf");
        assert_ne!(hidden("5e1f", "+15145550181"), hidden("5e10", "+15145550181"));
        assert_ne!(hidden("5e1f", "+15145550181"), hidden("5e1f", "+15145550182"));
    }
}
