//! Pieces that the provider took and then, by receipt, says it did not send because of a limit: they wait for their
//! turn again.
//!
//! It is the one way back for a piece, and only by the provider's own word about that very message: its id is kept, so
//! what is said about it again, or late, takes nothing back a second time.

use std::time::Duration;

use heliograph_connectors::channel::{ChannelError, Fate, Scope};
use serde::{Deserialize, Serialize};

use super::{Delivery, Part, State, wait_in_words};
use crate::model::Timestamp;

/// Ids kept of messages that were not sent; with more tries than these, the oldest are long forgotten by everybody.
const RETURNED_MAX: usize = 64;

/// What a receipt asks for that says: not sent, it was too much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Slowdown {
    /// What is to wait.
    pub scope: Scope,
    /// Until when.
    pub until: Timestamp,
    /// When the call was made that was too much.
    pub began: Timestamp,
}

impl Delivery {
    /// Whether the provider said of a message that it was not sent.
    pub(super) fn was_returned(&self, id: Option<&str>) -> bool {
        id.is_some_and(|id| self.returned.iter().any(|known| known == id))
    }

    /// Takes a piece back that was not sent because of a limit. `false` when it fails all the same: its end was told or
    /// is due, or nobody can say which call it is about.
    pub(super) fn took_back(
        &mut self,
        part: usize,
        id: Option<&str>,
        error: &ChannelError,
        now: Timestamp,
    ) -> bool {
        let (Fate::Throttled { retry_after, scope }, Some(id)) = (&error.fate, id) else { return false };
        let is_over = self.told_final || self.expires <= now;
        if is_over || !(self.state.is_open() || self.state == State::Sent) {
            return false;
        }
        let piece = self.parts.get(part).cloned().unwrap_or_default();
        if piece.rank > 1 {
            return true;
        }
        if self.returned.len() >= RETURNED_MAX {
            self.returned.remove(0);
        }
        self.returned.push(id.to_owned());
        if self.parts.get_mut(part).is_some_and(|piece| piece.has_another(id)) {
            return true;
        }
        let pause = retry_after.unwrap_or_default();
        let began = self.began.unwrap_or(self.created);
        // No longer than until it is too old, which is to be told then.
        let until = (now + pause).min(self.expires + Duration::from_millis(1));
        self.slowdown = Some(Slowdown { scope: *scope, until, began });
        self.waits_again(part);
        self.note(now, "throttled", Some(wait_in_words(pause, error)));
        true
    }

    /// A piece waits for its turn again. What a call is open for, or of unknown outcome, is settled first.
    fn waits_again(&mut self, part: usize) {
        match self.state {
            State::Sent => {
                self.state = State::Queued;
                self.sent_at = None;
            }
            State::Unknown { .. } if part == self.calling => {
                self.state = State::Queued;
                self.called().cleared();
                // Of several calls it was one; what became of the others is not known.
                self.resends += u32::from(self.called().doubts > 0);
            }
            // The answer to the call is on its way.
            _ => {}
        }
    }
}

impl Part {
    /// Takes a message back. Whether the provider has another one for this piece, from another call.
    fn has_another(&mut self, id: &str) -> bool {
        self.doubles.retain(|double| double != id);
        if self.provider_id.as_deref().is_some_and(|current| current != id) {
            return true;
        }
        self.provider_id = self.doubles.pop();
        if self.provider_id.is_none() {
            self.rank = 0;
        }
        self.provider_id.is_some()
    }
}
