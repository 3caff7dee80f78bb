//! Who leads a conversation for the business: which moves there are, from where, by whom, and who hears meanwhile. Pure.

use crate::model::{Control, Id, Integration, Switchboard, SwitchboardIntegration};

/// Whoever the one who moves passes to.
const NEXT: &str = "next";

/// Who makes a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mover {
    /// Whoever reaches the whole app.
    Business,
    /// A custom integration, by a key of its own.
    Integration(Id<Integration>),
}

/// A move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// The lead is given to somebody: by id, name or type, or to the next one.
    Pass(String),
    /// It is offered to somebody.
    Offer(String),
    /// What was offered is taken.
    Accept,
    /// It is given up, and so is what was offered.
    Release,
}

/// What became of a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moved {
    /// Who leads from now on.
    pub(super) control: Control,
    /// What is told of it; nothing where nothing happened.
    pub(super) told: Option<Told>,
}

/// What is told of a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// It was made.
    Made {
        /// The conversation as it is shown with it.
        shown: Control,
        /// To whom.
        to: Option<Id<SwitchboardIntegration>>,
    },
    /// It was not.
    Failed(Failed),
}

/// Why a move was not made. The caller is not told, but whoever hears of moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failed {
    /// The platform's word.
    pub(super) code: &'static str,
    /// In words.
    pub(super) message: &'static str,
}

impl Failed {
    const fn target(message: &'static str) -> Failed {
        Failed { code: "switchboard_invalid_target", message }
    }

    const fn action(message: &'static str) -> Failed {
        Failed { code: "switchboard_invalid_action", message }
    }
}

/// A move that is not this one's to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotTheirs;

/// What becomes of a move. Where turns are not taken none can be made.
pub(super) fn moved(
    board: Option<&Switchboard>,
    control: &Control,
    mover: &Mover,
    wanted: &Move,
) -> Result<Moved, NotTheirs> {
    let Some(board) = board.filter(|board| board.enabled) else {
        let failed = Failed::action("The switchboard is not enabled");
        let told = (*wanted != Move::Release).then_some(Told::Failed(failed));
        return Ok(Moved { control: control.clone(), told });
    };
    let table = Table { board, control: present(board, control), mover };
    match wanted {
        Move::Pass(to) => Ok(table.passed(to)),
        Move::Offer(to) => Ok(table.offered(to)),
        Move::Accept => table.accepted(),
        Move::Release => table.released(),
    }
}

/// Who leads a conversation that begins, on an integration that may have somebody of its own for it.
pub(super) fn begun(board: Option<&Switchboard>, responder: Option<&Id<SwitchboardIntegration>>) -> Control {
    let Some(board) = board.filter(|board| board.enabled) else { return Control::default() };
    let own = responder.and_then(|responder| board.present(responder));
    let active = own.or_else(|| default_of(board)).map(|one| one.id.clone());
    Control { active, pending: None }
}

/// Who leads after a person did something: the default, where nobody does.
pub(super) fn kept(board: Option<&Switchboard>, control: &Control) -> Control {
    let Some(board) = board.filter(|board| board.enabled) else { return control.clone() };
    let mut control = present(board, control);
    control.active = control.active.or_else(|| default_of(board).map(|one| one.id.clone()));
    control.pending = control.pending.filter(|pending| control.active.as_ref() != Some(pending));
    control
}

/// Without those who are gone.
pub(super) fn present(board: &Switchboard, control: &Control) -> Control {
    let there = |id: &Option<Id<_>>| id.clone().filter(|id| board.present(id).is_some());
    Control { active: there(&control.active), pending: there(&control.pending) }
}

fn default_of(board: &Switchboard) -> Option<&SwitchboardIntegration> {
    board.present(board.default.as_ref()?)
}

/// A move in the making.
struct Table<'a> {
    board: &'a Switchboard,
    control: Control,
    mover: &'a Mover,
}

impl Table<'_> {
    fn passed(self, to: &str) -> Moved {
        let target = match self.target(to) {
            Ok(target) => target,
            Err(failed) => return self.fails(failed),
        };
        if self.control.active.as_ref() == Some(&target) {
            return Moved { control: self.control, told: None };
        }
        let control = Control { active: Some(target.clone()), pending: None };
        let told = Told::Made { shown: control.clone(), to: Some(target) };
        Moved { control, told: Some(told) }
    }

    fn offered(self, to: &str) -> Moved {
        let target = match self.target(to) {
            Ok(target) => target,
            Err(failed) => return self.fails(failed),
        };
        if self.control.active.as_ref() == Some(&target) {
            return self.fails(Failed::target("The switchboardIntegration already has control"));
        }
        let control = Control { pending: Some(target.clone()), ..self.control };
        let told = Told::Made { shown: control.clone(), to: Some(target) };
        Moved { control, told: Some(told) }
    }

    fn accepted(self) -> Result<Moved, NotTheirs> {
        let pending = self.control.pending.clone();
        if !self.may(pending.as_ref()) {
            return Err(NotTheirs);
        }
        if pending.is_none() {
            return Ok(self.fails(Failed::action("There is no pendingSwitchboardIntegration")));
        }
        let control = Control { active: pending.clone(), pending: None };
        let told = Told::Made { shown: control.clone(), to: pending };
        Ok(Moved { control, told: Some(told) })
    }

    fn released(self) -> Result<Moved, NotTheirs> {
        if !self.may(self.control.active.as_ref()) {
            return Err(NotTheirs);
        }
        let told =
            (self.control != Control::default()).then_some(Told::Made { shown: self.control, to: None });
        Ok(Moved { control: Control::default(), told })
    }

    /// Whether a move that is somebody's is made by them, or by the business.
    fn may(&self, whose: Option<&Id<SwitchboardIntegration>>) -> bool {
        match self.mover {
            Mover::Business => true,
            Mover::Integration(_) => whose.is_some() && self.seat().as_ref() == whose,
        }
    }

    /// As whom the mover takes turns.
    fn seat(&self) -> Option<Id<SwitchboardIntegration>> {
        match self.mover {
            Mover::Business => None,
            Mover::Integration(integration) => self.board.seat_of(integration).map(|one| one.id.clone()),
        }
    }

    fn fails(self, failed: Failed) -> Moved {
        Moved { control: self.control, told: Some(Told::Failed(failed)) }
    }

    /// Who is meant.
    fn target(&self, to: &str) -> Result<Id<SwitchboardIntegration>, Failed> {
        let there = || self.board.integrations.iter().filter(|one| !one.absent);
        let by_id = there().find(|one| one.id.as_str() == to);
        if let Some(found) = by_id.or_else(|| there().find(|one| one.name == to)) {
            return Ok(found.id.clone());
        }
        let mut of_kind = there().filter(|one| one.kind == to);
        match (of_kind.next(), of_kind.next()) {
            (Some(found), None) => Ok(found.id.clone()),
            (Some(_), Some(_)) => {
                Err(Failed::target("Several switchboardIntegrations have this integrationType"))
            }
            (None, _) if to == NEXT => self.next(),
            (None, _) => Err(Failed::target("There is no such switchboardIntegration")),
        }
    }

    /// Whom the mover passes to; of the business, whoever leads.
    fn next(&self) -> Result<Id<SwitchboardIntegration>, Failed> {
        let from = self.seat().or_else(|| self.control.active.clone());
        let from = from.and_then(|from| self.board.named(&from));
        let next = from.and_then(|from| self.board.present(from.next.as_ref()?));
        let none = Failed::target("There is no nextSwitchboardIntegration");
        next.map(|next| next.id.clone()).ok_or(none)
    }
}

#[cfg(test)]
mod tests;
