//! One piece of a message, and how many copies of it the provider may have: what is known of that, and what is not.
//!
//! A call whose answer was never seen made a copy or none. Only the provider can tell, by naming a message that no answer
//! named, or by saying that there is none.

use serde::{Deserialize, Serialize};

use super::Delivery;

/// Messages kept that the provider named beside the one that counts.
const DOUBLES_MAX: usize = 8;

/// One piece of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// The provider's id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
    /// 0 not accepted, 1 accepted, 2 delivered, 3 read: it only rises, but for what was taken and not sent.
    pub rank: u8,
    /// Calls for it of which nobody knows whether they made a copy.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub doubts: u32,
    /// Further messages that the provider says it took for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubles: Vec<String>,
}

/// Copies beyond the first of each piece.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Copies {
    /// That the provider may have, those it named included.
    pub possible: u32,
    /// That it named itself.
    pub known: u32,
}

impl Part {
    /// The provider says that it took a message for this piece.
    pub(super) fn named(&mut self, id: Option<String>) {
        let Some(id) = id else { return };
        match &self.provider_id {
            None => self.provider_id = Some(id),
            Some(known) if *known == id || self.doubles.contains(&id) => {}
            Some(_) if self.doubles.len() < DOUBLES_MAX => {
                self.doubles.push(id);
                self.cleared();
            }
            Some(_) => {}
        }
    }

    /// What one of the calls in doubt came to is known.
    pub(super) fn cleared(&mut self) {
        self.doubts = self.doubts.saturating_sub(1);
    }

    fn copies(&self) -> Copies {
        let known = u32::try_from(self.doubles.len()).unwrap_or(u32::MAX);
        // Where the provider is not known to have it at all, one of the doubtful calls would be the first copy.
        let beyond = if self.rank > 0 { self.doubts } else { self.doubts.saturating_sub(1) };
        Copies { possible: known.saturating_add(beyond), known }
    }
}

impl Delivery {
    /// How many copies too many the provider may have, and is known to have.
    pub(super) fn copies(&self) -> Copies {
        let mut all = Copies::default();
        for part in &self.parts {
            let Copies { possible, known } = part.copies();
            all.possible = all.possible.saturating_add(possible);
            all.known = all.known.saturating_add(known);
        }
        all
    }

    /// Whether the provider named this message before, as one for this piece.
    pub fn knows_of(&self, part: usize, id: Option<&str>) -> bool {
        let is_in = |ids: &[String], id: &str| ids.iter().any(|known| known == id);
        id.is_none_or(|id| {
            let is_of = |part: &Part| part.provider_id.as_deref() == Some(id) || is_in(&part.doubles, id);
            self.parts.get(part).is_some_and(is_of) || is_in(&self.returned, id)
        })
    }

    /// A call is over of which a receipt seemed to tell, and it had no effect: the receipt was about an earlier one.
    /// Whether that was in doubt.
    pub fn made_no_copy(&mut self, part: usize) -> bool {
        let Some(piece) = self.parts.get_mut(part).filter(|piece| piece.doubts > 0) else { return false };
        piece.cleared();
        true
    }

    /// The piece of the open call.
    pub(super) fn called(&mut self) -> &mut Part {
        if self.parts.len() <= self.calling {
            self.parts.resize_with(self.calling + 1, Part::default);
        }
        &mut self.parts[self.calling]
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}
