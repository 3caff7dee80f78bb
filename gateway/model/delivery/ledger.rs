//! The ledger of a delivery: in which column it stands, and by how much the totals change when it moves.
//!
//! A delivery remembers as what it was counted last, so that counting it again changes nothing, and a correction
//! (it arrived after all) takes it out of one column when it puts it into another.

use serde::{Deserialize, Serialize};

use super::super::{Id, Integration};
use super::copies::Copies;
use super::{Delivery, State};

/// Where a delivery stands in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// It has no end yet.
    Pending,
    /// It arrived, as far as its channel reports.
    Delivered,
    /// It will not arrive.
    Failed,
    /// Its channel stayed silent.
    Unconfirmed,
}

/// One of the totals that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// Taken from customers.
    Accepted,
    /// Ended well.
    Delivered,
    /// Ended badly.
    Failed,
    /// Ended in silence.
    Unconfirmed,
    /// Calls made after an unknown outcome.
    ResentAfterUnknown,
    /// Copies beyond the first that the provider may have.
    PossibleDuplicates,
    /// Copies beyond the first that the provider named.
    KnownDuplicates,
}

impl Total {
    /// The family of the totals: a counter per integration and column.
    pub const FAMILY: &str = "ledger";

    /// The counter of an integration's total.
    pub fn counter(self, integration: &Id<Integration>) -> String {
        format!("{integration}:{}", self.word())
    }

    /// The integration and the word of a counter of the family.
    pub fn of_counter(counter: &str) -> Option<(&str, &str)> {
        counter.split_once(':')
    }

    /// The word in the admin API.
    pub fn word(self) -> &'static str {
        match self {
            Total::Accepted => "accepted",
            Total::Delivered => "delivered",
            Total::Failed => "failed",
            Total::Unconfirmed => "unconfirmed",
            Total::ResentAfterUnknown => "resentAfterUnknown",
            Total::PossibleDuplicates => "possibleDuplicates",
            Total::KnownDuplicates => "knownDuplicates",
        }
    }
}

/// As what a delivery was counted last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Booked {
    /// Its column; none before it was counted at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// Whether it was listed as of unknown outcome.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unknown: bool,
    /// How many of its resends were counted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub resends: u32,
    /// How many copies beyond the first were counted as possible.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub possible: u32,
    /// How many as known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub known: u32,
}

impl Delivery {
    /// Where it stands now. Its end is final when customers were told so, or never will be.
    pub fn standing(&self) -> Standing {
        match self.state {
            State::Failed { .. } => Standing::Failed,
            State::Unconfirmed => Standing::Unconfirmed,
            State::Sent | State::Delivered | State::Read if self.told_final => Standing::Delivered,
            _ => Standing::Pending,
        }
    }

    /// By how much the totals change, now that it stands where it does; asked again, by nothing.
    pub fn book(&mut self) -> Vec<(Total, i64)> {
        let standing = self.standing();
        let mut changes = Vec::new();
        if self.booked.standing.is_none() {
            changes.push((Total::Accepted, 1));
        }
        if self.booked.standing != Some(standing) {
            changes.extend(self.booked.standing.and_then(column).map(|column| (column, -1)));
            changes.extend(column(standing).map(|column| (column, 1)));
        }
        let resends = self.resends.saturating_sub(self.booked.resends);
        if resends > 0 {
            changes.push((Total::ResentAfterUnknown, i64::from(resends)));
        }
        let Copies { possible, known } = self.copies();
        for (total, was, is) in [
            (Total::PossibleDuplicates, self.booked.possible, possible),
            (Total::KnownDuplicates, self.booked.known, known),
        ] {
            if was != is {
                changes.push((total, i64::from(is) - i64::from(was)));
            }
        }
        let unknown = matches!(self.state, State::Unknown { .. });
        self.booked = Booked { standing: Some(standing), unknown, resends: self.resends, possible, known };
        changes
    }
}

/// The total of a column; what is pending is not counted but listed.
fn column(standing: Standing) -> Option<Total> {
    match standing {
        Standing::Pending => None,
        Standing::Delivered => Some(Total::Delivered),
        Standing::Failed => Some(Total::Failed),
        Standing::Unconfirmed => Some(Total::Unconfirmed),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}
