//! Why a send failed. Callers branch on [`Fate`] alone; the rest is for people.

use std::time::Duration;

use serde_json::Value;

use super::EgressError;

/// A failed call to a provider.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{detail}")]
pub struct ChannelError {
    /// What the outbox does next.
    pub fate: Fate,
    /// The platform's word for it, as customers see it in `error.code`.
    pub code: Code,
    /// One sentence for people, without secrets.
    pub detail: String,
    /// The provider's own code.
    pub provider_code: Option<String>,
    /// The provider's own error object, passed to customers as `error.underlyingError`.
    pub underlying: Option<Value>,
}

/// What may be done after a failure.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Fate {
    /// The provider refused this message; sending it again would change nothing.
    Permanent,
    /// Worth another try later.
    Transient {
        /// The provider may have accepted it all the same: the outcome is unknown, not failed.
        maybe_sent: bool,
    },
    /// The provider asks to slow down. Not a failure: costs no attempt.
    Throttled {
        /// How long the provider asks to wait.
        retry_after: Option<Duration>,
        /// What is to wait.
        scope: Scope,
    },
}

/// What a throttle answer holds back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// Everything this integration sends.
    Integration,
    /// Only messages to this destination.
    Destination,
}

/// The platform's error codes for deliveries (`error.code` in delivery and link events).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The provider refused the credentials, or they lack a right.
    Unauthorized,
    /// The person blocked or left the sender.
    Forbidden,
    /// The provider calls the request wrong: bad number, bad content.
    BadRequest,
    /// The address does not exist.
    NotFound,
    /// A limit was hit for good (daily cap, queue overflow).
    RateLimited,
    /// Too long or too big.
    PayloadTooLarge,
    /// The provider or carrier could not deliver.
    ChannelError,
    /// Anything else, unsupported content included.
    UncategorizedError,
}

impl ChannelError {
    /// A final refusal.
    pub fn permanent(code: Code, detail: impl Into<String>) -> ChannelError {
        ChannelError {
            fate: Fate::Permanent,
            code,
            detail: detail.into(),
            provider_code: None,
            underlying: None,
        }
    }

    /// A call that did not work out, and whether the message may have been sent all the same.
    pub fn transient(maybe_sent: bool, detail: impl Into<String>) -> ChannelError {
        ChannelError {
            fate: Fate::Transient { maybe_sent },
            ..ChannelError::permanent(Code::ChannelError, detail)
        }
    }

    /// Content this channel cannot express.
    pub fn unsupported(kind: &str) -> ChannelError {
        ChannelError::permanent(Code::UncategorizedError, format!("Unsupported message type `{kind}`"))
    }
}

impl From<EgressError> for ChannelError {
    fn from(error: EgressError) -> ChannelError {
        let maybe_sent = matches!(error, EgressError::NoAnswer(_));
        ChannelError::transient(maybe_sent, error.to_string())
    }
}
