//! What a provider may do with a send, and what each of these comes to. Pure.

use std::time::Duration;

use axum::http::StatusCode;

use super::{
    provider::{ErrorCode, Fate},
    wire::Wire,
};

/// What the provider does with a send.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Behaviour {
    Deliver,
    Refuse {
        status: Option<StatusCode>,
        code: Option<ErrorCode>,
    },
    Fail {
        code: Option<ErrorCode>,
    },
    Throttle {
        retry_after: Option<String>,
    },
    PairLimit {
        retry_after: Option<String>,
    },
    Error {
        status: StatusCode,
    },
    AcceptThenError {
        status: StatusCode,
        reports: bool,
    },
    Reset,
    /// Acted upon before a send is read, and so never planned.
    ResetBeforeBody,
    AcceptThenReset {
        reports: bool,
    },
    HalfAnswer {
        reports: bool,
    },
    BrokenJson {
        reports: bool,
    },
    Hang(Duration),
    Silent,
    Missing,
    Late(Duration),
    Early,
    Duplicate,
    Reorder,
    Forge,
}

/// What the caller is told, before it is put into a provider's own words.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    Accepted,
    Refused {
        status: Option<StatusCode>,
        code: Option<ErrorCode>,
    },
    Throttled {
        retry_after: Option<String>,
    },
    /// Too much for one person, in the word that comes nearest to that.
    PairLimited {
        retry_after: Option<String>,
    },
    Broken {
        status: StatusCode,
    },
}

impl Answer {
    /// As `/control/calls` shows it.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Answer::Accepted => "accepted",
            Answer::Refused { .. } => "refused",
            Answer::Throttled { .. } => "throttled",
            Answer::PairLimited { .. } => "pair-limited",
            Answer::Broken { .. } => "error",
        }
    }
}

/// How receipts reach the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Receipts {
    /// Each once, in order, after the answer.
    #[default]
    Usual,
    /// All of them before the answer.
    Early,
    /// After this long.
    Late(Duration),
    /// Each twice.
    Twice,
    /// The last first.
    Reversed,
    /// Under a signature that is not the provider's, and never again.
    Forged,
    /// None, though the provider knows what became of the message.
    Missing,
}

/// What becomes of a send: the message's fate if it is taken at all, the answer and what happens to it on the
/// wire, how long it hangs, and how the receipts come.
#[derive(Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) fate: Option<Fate>,
    pub(super) answer: Answer,
    pub(super) wire: Wire,
    pub(super) hang: Duration,
    pub(super) receipts: Receipts,
}

impl Plan {
    fn delivered() -> Plan {
        Plan {
            fate: Some(Fate::Delivered),
            answer: Answer::Accepted,
            wire: Wire::Whole,
            hang: Duration::ZERO,
            receipts: Receipts::Usual,
        }
    }

    fn reported(reports: bool) -> Plan {
        let receipts = if reports { Receipts::Usual } else { Receipts::Missing };
        Plan { receipts, ..Plan::delivered() }
    }

    /// Nothing is taken, and so it is said.
    pub(super) fn not_taken(answer: Answer) -> Plan {
        Plan { fate: None, answer, ..Plan::delivered() }
    }
}

impl Behaviour {
    /// What this behaviour comes to.
    pub(super) fn plan(self) -> Plan {
        let usual = Plan::delivered();
        match self {
            Behaviour::Deliver => usual,
            Behaviour::Refuse { status, code } => Plan::not_taken(Answer::Refused { status, code }),
            Behaviour::Fail { code } => Plan { fate: Some(Fate::Failed(code)), ..usual },
            Behaviour::Throttle { retry_after } => Plan::not_taken(Answer::Throttled { retry_after }),
            Behaviour::PairLimit { retry_after } => Plan::not_taken(Answer::PairLimited { retry_after }),
            Behaviour::Error { status } => Plan::not_taken(Answer::Broken { status }),
            Behaviour::AcceptThenError { status, reports } => {
                Plan { answer: Answer::Broken { status }, ..Plan::reported(reports) }
            }
            Behaviour::Reset | Behaviour::ResetBeforeBody => Plan { fate: None, wire: Wire::Reset, ..usual },
            Behaviour::AcceptThenReset { reports } => Plan { wire: Wire::Reset, ..Plan::reported(reports) },
            Behaviour::HalfAnswer { reports } => Plan { wire: Wire::Half, ..Plan::reported(reports) },
            Behaviour::BrokenJson { reports } => Plan { wire: Wire::Garbled, ..Plan::reported(reports) },
            Behaviour::Hang(hang) => Plan { hang, ..usual },
            Behaviour::Silent => Plan { fate: Some(Fate::Silent), ..usual },
            Behaviour::Missing => Plan { receipts: Receipts::Missing, ..usual },
            Behaviour::Late(wait) => Plan { receipts: Receipts::Late(wait), ..usual },
            Behaviour::Early => Plan { receipts: Receipts::Early, ..usual },
            Behaviour::Duplicate => Plan { receipts: Receipts::Twice, ..usual },
            Behaviour::Reorder => Plan { receipts: Receipts::Reversed, ..usual },
            Behaviour::Forge => Plan { receipts: Receipts::Forged, ..usual },
        }
    }
}
