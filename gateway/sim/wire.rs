//! What may happen to an answer between the provider and its caller; `server` does it.

use axum::response::{IntoResponse, Response};

/// How an answer travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// As it is.
    Whole,
    /// Not at all: the connection is reset.
    Reset,
    /// Its head and half its body, then the connection ends.
    Half,
    /// Whole by its length, but its body breaks off in the middle.
    Garbled,
}

impl Wire {
    /// Sends an answer on its way.
    pub(super) fn carry(self, answer: impl IntoResponse) -> Response {
        let mut answer = answer.into_response();
        if self != Wire::Whole {
            answer.extensions_mut().insert(self);
        }
        answer
    }

    /// As `/control/calls` shows it; nothing when all is well.
    pub(super) fn word(self) -> Option<&'static str> {
        match self {
            Wire::Whole => None,
            Wire::Reset => Some("reset"),
            Wire::Half => Some("half"),
            Wire::Garbled => Some("broken-json"),
        }
    }
}
