//! The moves of a delivery: each may be told twice, late or out of order, and says what customers must hear.

use std::time::Duration;

use heliograph_connectors::channel::{Reach, Stage};

use super::{Delivery, DeliveryError, Doubt, Notified, Part, State};
use crate::model::Timestamp;

/// A wait that is worth telling.
const LONG_WAIT: Duration = Duration::from_secs(1);

impl Delivery {
    /// A call to the provider is about to be made: commit this first.
    pub fn sending(&mut self, total: usize, now: Timestamp) {
        if matches!(self.state, State::Unknown { .. }) {
            self.resends += 1;
        } else {
            self.began = Some(now);
        }
        self.asked = 0;
        self.total = total;
        self.calling = self.next_part().unwrap_or(0);
        self.attempts += 1;
        self.state = State::Sending { since: now };
        // Why it waited may stand there already, written at this moment.
        let last = self.timeline.iter().rev().find(|moment| moment.at != now || moment.what != "limited");
        let waited = last.map_or(Duration::ZERO, |last| now.since(last.at));
        let mut detail = format!("attempt {}", self.attempts);
        if waited >= LONG_WAIT {
            detail += &format!(", after a wait of {:.1}s", waited.as_secs_f64());
        }
        self.note(now, "sending", Some(detail));
    }

    /// The provider took a piece.
    pub fn accepted(
        &mut self,
        part: usize,
        id: Option<String>,
        reach: Reach,
        now: Timestamp,
    ) -> Vec<Notified> {
        self.note(now, "accepted", id.clone());
        if self.was_returned(id.as_deref()) {
            // That it was not sent was faster to be heard: the call is settled, and the piece waits for another.
            if matches!(self.state, State::Sending { .. } | State::Unknown { .. }) {
                self.state = State::Queued;
            }
            return Vec::new();
        }
        self.reached(part, 1, id, reach, now)
    }

    /// The provider says how far a piece came.
    pub fn receipt(
        &mut self,
        part: usize,
        id: Option<String>,
        stage: Stage,
        reach: Reach,
        now: Timestamp,
    ) -> Vec<Notified> {
        // A receipt for a piece that cannot exist is the provider's mistake, not a reason to grow the record.
        if part >= self.total.max(1) {
            return Vec::new();
        }
        self.total = self.total.max(1);
        if self.was_returned(id.as_deref()) && !matches!(stage, Stage::Delivered | Stage::Read) {
            return Vec::new();
        }
        let rank = match stage {
            Stage::Failed(error) => {
                if self.took_back(part, id.as_deref(), &error, now) {
                    return Vec::new();
                }
                // Only what the provider took can fail at the person: it took this, whoever said so first.
                // Where acceptance is the end, the failure must be told instead of it.
                let mut told = match reach {
                    Reach::User => self.reached(part, 1, id, reach, now),
                    Reach::Channel => Vec::new(),
                };
                told.extend(self.failed(error.into(), now));
                return told;
            }
            Stage::Accepted => 1,
            Stage::Delivered => 2,
            Stage::Read => 3,
        };
        self.reached(part, rank, id, reach, now)
    }

    /// It will not arrive. Says so once, and not after the end was told.
    pub fn failed(&mut self, error: DeliveryError, now: Timestamp) -> Vec<Notified> {
        self.note(now, "failed", Some(error.message.clone()));
        if self.told_final || matches!(self.state, State::Failed { .. } | State::Delivered | State::Read) {
            return Vec::new();
        }
        self.state = State::Failed { error: error.clone() };
        self.told_final = true;
        vec![Notified::Failure { error }]
    }

    /// The call's outcome is not known.
    pub fn unknown(&mut self, detail: &str, now: Timestamp) {
        if matches!(self.state, State::Sending { .. }) {
            self.state = State::Unknown { since: now };
            self.called().doubts += 1;
        }
        self.note(now, "unknown", Some(detail.to_owned()));
    }

    /// The channel stayed silent for too long. Nothing is told; a late receipt still is.
    pub fn unconfirmed(&mut self, now: Timestamp) {
        if matches!(self.state, State::Sent) && !self.told_final {
            self.state = State::Unconfirmed;
            self.note(now, "unconfirmed", Some("no receipt before the deadline".to_owned()));
        }
    }

    /// What was of unknown outcome waits for its turn again. `doubtful` when it may have been sent all the same.
    pub fn sent_back(&mut self, doubtful: Doubt, why: &str, now: Timestamp) {
        if !matches!(self.state, State::Unknown { .. }) {
            return;
        }
        self.state = State::Queued;
        self.resends += u32::from(doubtful == Doubt::Left);
        if doubtful == Doubt::Settled {
            self.called().doubts = 0;
        }
        self.note(now, "requeued", Some(why.to_owned()));
    }

    /// The call certainly had no effect: back to waiting.
    pub fn requeued(&mut self, what: &str, detail: &str, now: Timestamp) {
        if matches!(self.state, State::Sending { .. }) {
            self.state = State::Queued;
        }
        self.note(now, what, Some(detail.to_owned()));
    }

    /// A piece came so far.
    fn reached(
        &mut self,
        part: usize,
        rank: u8,
        id: Option<String>,
        reach: Reach,
        now: Timestamp,
    ) -> Vec<Notified> {
        let is_open_piece = self.next_part() == Some(part);
        self.raise(part, rank, id);
        let is_calling = matches!(self.state, State::Sending { .. } | State::Unknown { .. });
        if is_calling && is_open_piece && self.next_part().is_some() {
            // The call it was about is settled; the next piece waits for its own.
            self.state = State::Queued;
        }
        self.judge(reach, now)
    }

    fn raise(&mut self, part: usize, rank: u8, id: Option<String>) {
        if self.parts.len() <= part {
            self.parts.resize_with(part + 1, Part::default);
        }
        let is_called = matches!(self.state, State::Sending { .. }) && part == self.calling;
        let piece = &mut self.parts[part];
        if piece.rank == 0 && !is_called {
            // No call is open that this could be about but one of those in doubt.
            piece.cleared();
        }
        piece.rank = piece.rank.max(rank);
        piece.named(id);
    }

    /// Draws the conclusions from what the pieces reached: a message is as far as its last piece.
    fn judge(&mut self, reach: Reach, now: Timestamp) -> Vec<Notified> {
        let reached =
            (0..self.total).map(|part| self.parts.get(part).map_or(0, |part| part.rank)).min().unwrap_or(0);
        // Arrival corrects a failure, whose event stays the last; acceptance does not.
        let is_failed = matches!(self.state, State::Failed { .. });
        if reached == 0 || (is_failed && reached < 2) {
            return Vec::new();
        }
        let state = match reached {
            1 => State::Sent,
            2 => State::Delivered,
            _ => State::Read,
        };
        if self.depth() < reached {
            self.note(now, state.word(), None);
            self.state = state;
            self.sent_at.get_or_insert(now);
        }
        let mut told = Vec::new();
        if !self.told_channel {
            self.told_channel = true;
            let is_final = reach == Reach::Channel;
            if !self.told_final {
                told.push(Notified::Channel { is_final });
            }
            self.told_final |= is_final;
        }
        if reached >= 2 && !self.told_final {
            self.told_final = true;
            told.push(Notified::User);
        }
        told
    }

    pub(super) fn depth(&self) -> u8 {
        match self.state {
            State::Sent | State::Unconfirmed => 1,
            State::Delivered => 2,
            State::Read => 3,
            _ => 0,
        }
    }
}
