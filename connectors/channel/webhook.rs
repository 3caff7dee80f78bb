//! A provider calling us: untrusted until proven.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use super::signature::Proof;

/// A hook as it arrived. Nothing but headers, URL and raw bytes can be had from it before it is proven.
#[derive(Debug, Clone)]
pub struct RawWebhook {
    /// `POST`, or `GET` where the provider uses it.
    pub method: Method,
    /// The public URL as the provider called it: the configured public address followed by the raw path and
    /// query. Never built from the `Host` header.
    pub url: String,
    /// Everything the provider sent along.
    pub headers: HeaderMap,
    /// When it arrived, in Unix milliseconds, so that signature windows need no clock.
    pub received_at: i64,
    body: Bytes,
}

impl RawWebhook {
    /// A hook as it came from the wire.
    pub fn new(method: Method, url: String, headers: HeaderMap, received_at: i64, body: Bytes) -> RawWebhook {
        RawWebhook { method, url, headers, received_at, body }
    }

    /// The bytes, for computing a signature over them.
    pub fn untrusted_body(&self) -> &[u8] {
        &self.body
    }

    /// The text of a header; `None` when missing or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether a word stands anywhere in the body. For [`super::Channel::may_concern`]: cheap, and no proof.
    pub fn mentions(&self, word: &str) -> bool {
        !word.is_empty() && self.body.windows(word.len()).any(|window| window == word.as_bytes())
    }

    /// The hook, proven by a signature.
    pub fn verified(self, _proof: Proof) -> Verified {
        Verified { raw: self, replay_key: None }
    }

    /// The hook, believed without a signature. The reason is for the reader; the call can be searched for.
    pub fn trust_unsigned(self, _reason: &'static str) -> Verified {
        Verified { raw: self, replay_key: None }
    }
}

/// A hook that its provider sent. The only thing a parser accepts.
#[derive(Debug)]
pub struct Verified {
    raw: RawWebhook,
    /// A token that must be seen once only (Mailgun's token, a JWT's `jti`); committed with the effects.
    pub replay_key: Option<String>,
}

impl Verified {
    /// The same hook, refused when its token was seen before.
    pub fn once(mut self, replay_key: impl Into<String>) -> Verified {
        self.replay_key = Some(replay_key.into());
        self
    }

    /// The proven bytes.
    pub fn body(&self) -> &[u8] {
        &self.raw.body
    }

    /// How it arrived.
    pub fn raw(&self) -> &RawWebhook {
        &self.raw
    }

    /// The query as name-value pairs, decoded.
    pub fn query(&self) -> Vec<(String, String)> {
        match Url::parse(&self.raw.url) {
            Ok(url) => url.query_pairs().into_owned().collect(),
            Err(_) => Vec::new(),
        }
    }
}

/// The hook is not the provider's. Why, for the log: never for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Forged(pub String);

/// The hook is the provider's, but its body is not what the provider documents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

/// What we answer a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The body's type; none without a body.
    pub content_type: Option<&'static str>,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// 200 with nothing to say.
    pub fn ok() -> Reply {
        Reply { status: StatusCode::OK, content_type: None, body: Bytes::new() }
    }

    /// 200 with a body.
    pub fn with(content_type: &'static str, body: impl Into<Bytes>) -> Reply {
        Reply { status: StatusCode::OK, content_type: Some(content_type), body: body.into() }
    }
}
