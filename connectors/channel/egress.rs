//! The network door. Connectors call providers through it and through nothing else.

use std::io;

use async_trait::async_trait;
use bytes::Bytes;

/// A request to a provider. Bodies are bounded by the channel's own limits, so they are held whole.
pub type Request = http::Request<Bytes>;

/// A provider's answer, with a bounded body.
pub type Response = http::Response<Bytes>;

/// A provider's answer whose body is still on its way.
pub type Streamed = http::Response<Box<dyn Incoming>>;

/// Bytes as they come.
#[async_trait]
pub trait Incoming: Send {
    /// The next of them; `None` at the end. An error of [`io::ErrorKind::FileTooLarge`] says that there are too many.
    async fn next(&mut self) -> io::Result<Option<Bytes>>;
}

/// Bytes that are all here.
#[async_trait]
impl Incoming for Bytes {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        Ok(Some(std::mem::take(self)).filter(|bytes| !bytes.is_empty()))
    }
}

/// Makes HTTP calls for connectors: deadlines, size caps and address checks live behind it.
#[async_trait]
pub trait Egress: Send + Sync {
    /// One call to the provider at the operator's address; every HTTP status is `Ok`.
    async fn call(&self, request: Request) -> Result<Response, EgressError>;

    /// Gets a file from an address that somebody else named: a caller, a person, a provider's answer. Addresses
    /// that only this machine's surroundings can reach are refused unless the operator allows them, redirects
    /// are followed (without credentials once the host changes), and the answer may be as long as a file is.
    async fn download(&self, request: Request) -> Result<Response, EgressError>;

    /// The same, without waiting for the whole: what need not be looked at need not be held.
    async fn stream(&self, request: Request) -> Result<Streamed, EgressError> {
        Ok(self.download(request).await?.map(|body| Box::new(body) as Box<dyn Incoming>))
    }
}

/// Why a call gave no answer. Which of the two it was decides whether a send may be repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// Nothing left this machine: no such host, connection refused, TLS failed, address not allowed.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The request may have arrived: time-out, reset, or an unreadable answer.
    #[error("no answer: {0}")]
    NoAnswer(String),
}
