//! What Meta's two channels share: how calls are authorised, hooks proven and subscriptions confirmed.
//!
//! <https://developers.facebook.com/docs/graph-api/webhooks/getting-started>.

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::channel::signature::{hmac_sha256, prove};
use crate::channel::{
    ChannelError, Code, Forged, RawWebhook, Reply, Request, Response, Secret, Settings, Verified,
};

/// The Graph API's version when the operator names none.
const API_VERSION: &str = "v25.0";

/// One Meta app's access to the Graph API for one number or page.
#[derive(Debug)]
pub(crate) struct Graph {
    /// Scheme, host and version: `https://graph.facebook.com/v25.0`.
    base: String,
    access_token: Secret,
    app_secret: Secret,
    verify_token: Secret,
}

impl Graph {
    /// Reads what both channels are configured with: `appSecret`, `verifyToken`, the operator's `baseUrl` and
    /// `apiVersion`, and the access token under its own name.
    pub(crate) fn read(settings: &mut Settings<'_>, token_name: &'static str) -> Graph {
        let version = settings.provider("apiVersion", API_VERSION);
        if !version
            .strip_prefix('v')
            .is_some_and(|rest| rest.split('.').all(|part| part.parse::<u32>().is_ok()))
        {
            settings.problem("apiVersion", "must be a version such as v25.0");
        }
        let access_token = settings.secret(token_name);
        let app_secret = settings.secret("appSecret");
        let verify_token = settings.optional("verifyToken").unwrap_or_else(|| derived_token(&app_secret));
        Graph {
            base: format!("{}/{version}", settings.base_url("https://graph.facebook.com")),
            access_token,
            app_secret,
            verify_token: Secret::new(verify_token),
        }
    }

    /// The same app under another token.
    pub(crate) fn with_token(&self, access_token: Secret) -> Graph {
        let Graph { base, access_token: _, app_secret, verify_token } = self;
        let (app_secret, verify_token) = (app_secret.clone(), verify_token.clone());
        Graph { base: base.clone(), access_token, app_secret, verify_token }
    }

    /// A call; `path` begins with a slash and may end in a query.
    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Request, ChannelError> {
        let mut request = http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        request = request.header(header::AUTHORIZATION, self.authorization());
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        request.body(body).map_err(|error| ChannelError::permanent(Code::BadRequest, error.to_string()))
    }

    /// The header that opens every call; never in the URL, where logs would keep it.
    pub(crate) fn authorization(&self) -> String {
        format!("Bearer {}", self.access_token.expose())
    }

    /// The same for the address of an upload session, which wants the token under another word.
    pub(crate) fn upload_authorization(&self) -> Result<HeaderValue, ChannelError> {
        let value = HeaderValue::try_from(format!("OAuth {}", self.access_token.expose()));
        value.map_err(|_| ChannelError::permanent(Code::Unauthorized, "the token holds what no header may"))
    }

    /// Whether an address is Meta's own (or the operator's stand-in for it), so that the token may be sent there.
    pub(crate) fn is_own(&self, address: &str) -> bool {
        let Ok(url) = Url::parse(address) else { return false };
        if Url::parse(&self.base).is_ok_and(|base| base.origin() == url.origin()) {
            return true;
        }
        let host = url.host_str().unwrap_or_default();
        let meta = ["facebook.com", "fbsbx.com", "fbcdn.net"];
        url.scheme() == "https"
            && meta
                .iter()
                .any(|own| host.strip_suffix(own).is_some_and(|sub| sub.is_empty() || sub.ends_with('.')))
    }

    /// What Meta must be told when it subscribes to our hooks.
    pub(crate) fn verify_token(&self) -> &str {
        self.verify_token.expose()
    }

    /// Answers the subscription handshake; `None` when this is not one.
    pub(crate) fn handshake(&self, raw: &RawWebhook) -> Option<Reply> {
        if raw.method != Method::GET {
            return None;
        }
        let url = Url::parse(&raw.url).ok()?;
        let asked =
            |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let mode = asked("hub.mode")?;
        let token = asked("hub.verify_token").unwrap_or_default();
        let expected = self.verify_token.expose();
        let agreed = !expected.is_empty() && prove(expected.as_bytes(), token.as_bytes()).is_ok();
        let refused = |status| Reply { status, content_type: None, body: Bytes::new() };
        if mode != "subscribe" || !agreed {
            return Some(refused(StatusCode::FORBIDDEN));
        }
        let challenge = asked("hub.challenge").filter(|challenge| !challenge.is_empty());
        Some(challenge.map_or(refused(StatusCode::BAD_REQUEST), |word| Reply::with("text/plain", word)))
    }

    /// Proves a hook by `X-Hub-Signature-256`: over the bytes as they came, since Meta escapes as it likes.
    pub(crate) fn verify(&self, raw: RawWebhook) -> Result<Verified, Forged> {
        let header =
            raw.header("X-Hub-Signature-256").ok_or_else(|| Forged("no X-Hub-Signature-256".into()))?;
        let hash = header.strip_prefix("sha256=").ok_or_else(|| Forged("signature is not sha256=".into()))?;
        let given = hex::decode(hash).map_err(|_| Forged("signature is not hexadecimal".into()))?;
        let expected = hmac_sha256(self.app_secret.expose().as_bytes(), raw.untrusted_body());
        let proof = prove(&expected, &given)?;
        Ok(raw.verified(proof))
    }
}

/// A token nobody can guess who does not know the app secret; the same at every start, so that nothing has to be
/// kept.
fn derived_token(app_secret: &Secret) -> String {
    if app_secret.expose().is_empty() {
        return String::new();
    }
    hex::encode(&hmac_sha256(app_secret.expose().as_bytes(), b"heliograph verify token")[..16])
}

/// The Graph API's error object; only `code` can be relied on.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct GraphError {
    pub(crate) code: i64,
    #[serde(default)]
    pub(crate) error_subcode: Option<i64>,
    #[serde(default)]
    pub(crate) message: Option<String>,
    #[serde(default)]
    pub(crate) is_transient: Option<bool>,
}

/// The error in an answer, typed and as it stands; also in a 200, where one was seen.
pub(crate) fn error_in(answer: &Response) -> Option<(GraphError, Value)> {
    let body: Value = serde_json::from_slice(answer.body()).ok()?;
    let error = body.get("error")?.clone();
    let typed = serde_json::from_value(error.clone()).ok()?;
    Some((typed, error))
}

/// `Retry-After` in seconds, which Meta does not document; a longer wait than a day is not believed.
pub(crate) fn retry_after(answer: &Response) -> Option<std::time::Duration> {
    let seconds: u32 = answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    (seconds <= 86_400).then(|| std::time::Duration::from_secs(seconds.into()))
}
