//! A small HTTP client for stories: JSON in, JSON out, the path sent as written.

use std::sync::{Once, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use serde_json::Value;

use super::contract;
use super::form::Form;

/// For a large form, on a slow, busy machine.
const LONG: Duration = Duration::from_secs(120);

/// What a server answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
    /// The body as JSON; null when it is not.
    pub(crate) json: Value,
}

impl Answer {
    /// The body, when the status is this one; panics with the body otherwise.
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "unexpected answer: {}", self.text);
        self.json
    }

    /// Asserts the v1.1 error shape with this status and code, and answers the description.
    pub(crate) fn refused(self, status: u16, code: &str) -> String {
        assert_eq!((self.status, self.json["error"]["code"].as_str()), (status, Some(code)), "{}", self.text);
        let content_type = self.headers.get("content-type").and_then(|value| value.to_str().ok());
        assert!(content_type.is_some_and(|kind| kind.starts_with("application/json")), "{content_type:?}");
        let error = self.json["error"].as_object().expect("error is an object");
        assert_eq!(error.len(), 2, "error holds code and description: {}", self.text);
        error["description"].as_str().expect("a description").to_owned()
    }
}

impl Answer {
    /// The same for v2, and answers the title.
    pub(crate) fn refused_v2(self, status: u16, code: &str) -> String {
        let error = &self.json["errors"][0];
        assert_eq!((self.status, error["code"].as_str()), (status, Some(code)), "{}", self.text);
        let shape = serde_json::json!({"errors": [{"code": code, "title": error["title"]}]});
        assert_eq!(self.json, shape, "nothing else is said");
        error["title"].as_str().expect("a title").to_owned()
    }
}

/// A base address, and who is calling.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    base: String,
    authorization: Option<String>,
}

impl Api {
    /// Calls without credentials.
    pub(crate) fn anonymous(base: &str) -> Self {
        Self { base: base.to_owned(), authorization: None }
    }

    /// Calls with `Authorization: Basic`.
    pub(crate) fn basic(base: &str, key: &str, secret: &str) -> Self {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{key}:{secret}"));
        Self { base: base.to_owned(), authorization: Some(format!("Basic {pair}")) }
    }

    /// Calls with `Authorization: Bearer`.
    pub(crate) fn bearer(base: &str, token: &str) -> Self {
        Self { base: base.to_owned(), authorization: Some(format!("Bearer {token}")) }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path, &[], Some(body.to_string())).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.request("PUT", path, &[], Some(body.to_string())).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.request("PATCH", path, &[], Some(body.to_string())).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path, &[], None).await
    }

    /// Any request; panics when there is no answer.
    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Answer {
        let answer = self.attempt(method, path, headers, body).await;
        answer.unwrap_or_else(|error| panic!("{method} {path} was not answered: {error}"))
    }

    /// Any request; an error when there is no answer.
    pub(crate) async fn attempt(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<Answer, reqwest::Error> {
        let verb = http::Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = client().request(verb, format!("{}{path}", self.base));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        // The vendor's client says so on every request, with a body or not.
        if headers.iter().all(|(name, _)| *name != "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        Self::answered(request, method, path).await
    }

    /// A file in a field of a form.
    pub(crate) async fn put_file(&self, path: &str, field: &str, file: &[u8]) -> Answer {
        self.send_form("PUT", path, &[], Form::default().file(field, "file", file)).await
    }

    /// A form.
    pub(crate) async fn post_form(&self, path: &str, form: Form) -> Answer {
        self.send_form("POST", path, &[], form).await
    }

    /// A form, with headers.
    pub(crate) async fn send_form(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        form: Form,
    ) -> Answer {
        let (kind, body) = form.finished();
        let verb = http::Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = client().request(verb, format!("{}{path}", self.base)).body(body).timeout(LONG);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = Self::answered(request.header("content-type", kind), method, path).await;
        answer.unwrap_or_else(|error| panic!("{path} was not answered: {error}"))
    }

    /// How many bytes come from an address, none of which are held.
    pub(crate) async fn drain(&self, path: &str) -> u64 {
        let answer = client().get(format!("{}{path}", self.base)).timeout(LONG).send().await;
        let mut answer = answer.expect("an answer");
        assert_eq!(answer.status(), 200);
        let mut count = 0;
        while let Some(bytes) = answer.chunk().await.expect("bytes") {
            count += bytes.len() as u64;
        }
        count
    }

    async fn answered(
        request: reqwest::RequestBuilder,
        method: &str,
        path: &str,
    ) -> Result<Answer, reqwest::Error> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        let answer = Answer { status, headers, text, json };
        contract::seen(method, path, &answer);
        Ok(answer)
    }
}

/// A client without a pool: each story has its own runtime, and a pooled connection dies with the runtime that made it.
fn client() -> &'static reqwest::Client {
    static PROVIDER: Once = Once::new();
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    PROVIDER.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    CLIENT.get_or_init(|| {
        reqwest::Client::builder()
            .pool_max_idle_per_host(0)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(super::wait::PATIENCE)
            .build()
            .expect("a client")
    })
}
