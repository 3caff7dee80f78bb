//! The admin socket as a client sees it: one call, and the few ways in which it is refused.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use url::Url;

use super::Place;

/// How long the socket may take to be reached; it is near.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an answer may take. Sending a great many dead letters again takes a while.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Pages of a list that are fetched at most, of each app: a terminal is no place for more.
const PAGES_MAX: usize = 20;

/// Calls to one gateway.
#[derive(Debug)]
pub(super) struct Door {
    base: Url,
    key: (String, String),
    client: reqwest::Client,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Refused {
    /// What was named is not there (in this app).
    Missing(String),
    /// Anything else.
    Other(String),
}

impl From<Refused> for String {
    fn from(refused: Refused) -> String {
        match refused {
            Refused::Missing(line) | Refused::Other(line) => line,
        }
    }
}

/// One call.
#[derive(Debug, Clone)]
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// The segments after `/heliograph/v1`.
    pub(super) path: &'a [&'a str],
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) body: Value,
}

impl<'a> Call<'a> {
    pub(super) fn get(path: &'a [&'a str]) -> Call<'a> {
        Call { method: Method::GET, path, query: Vec::new(), body: Value::Null }
    }

    pub(super) fn post(path: &'a [&'a str], body: Value) -> Call<'a> {
        Call { method: Method::POST, body, ..Call::get(path) }
    }

    /// The same with more in its query, if there is anything to say.
    pub(super) fn with(mut self, name: &'static str, value: Option<&str>) -> Call<'a> {
        self.query.extend(value.map(|value| (name, value.to_owned())));
        self
    }
}

impl Door {
    /// The door of a gateway; nothing is called yet.
    pub(super) fn of(place: &Place) -> Result<Door, String> {
        let mut address = place.admin;
        if address.port() == 0 {
            return Err("server.admin has no fixed port: a running gateway cannot be found by it".into());
        }
        if address.ip().is_unspecified() {
            address.set_ip(match address.is_ipv4() {
                true => std::net::Ipv4Addr::LOCALHOST.into(),
                false => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        // reqwest asks for a process-wide choice even where only plain HTTP is spoken; another may have made it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().connect_timeout(CONNECT_TIMEOUT).timeout(TIMEOUT);
        Ok(Door {
            base: Url::parse(&format!("http://{address}/")).map_err(|error| error.to_string())?,
            key: place.key.clone(),
            client: client.build().map_err(|error| error.to_string())?,
        })
    }

    /// Makes a call.
    pub(super) async fn call(&self, call: Call<'_>) -> Result<Value, Refused> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["heliograph", "v1"]).extend(call.path);
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        let mut request = self.client.request(call.method, url).basic_auth(&self.key.0, Some(&self.key.1));
        if !call.body.is_null() {
            request = request.header("content-type", "application/json").body(call.body.to_string());
        }
        let answer = request.send().await.map_err(|error| self.unanswered(&error))?;
        let status = answer.status().as_u16();
        let body = answer.bytes().await.map_err(|error| self.unanswered(&error))?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if (200..300).contains(&status) { Ok(body) } else { Err(self.refused(status, &body)) }
    }

    /// Makes a call for each app in turn until one knows what is named.
    pub(super) async fn find(&self, apps: &[String], call: Call<'_>) -> Result<Value, Refused> {
        let mut missing = "the configuration has no apps".to_owned();
        for app in apps {
            match self.call(call.clone().with("app", Some(app))).await {
                Err(Refused::Missing(line)) => missing = line,
                done => return done,
            }
        }
        Err(Refused::Missing(missing))
    }

    /// What a list holds for these apps, and whether there is more than is fetched.
    pub(super) async fn list(
        &self,
        apps: &[String],
        call: Call<'_>,
        member: &str,
    ) -> Result<(Vec<Value>, bool), Refused> {
        let (mut found, mut has_more) = (Vec::new(), false);
        for app in apps {
            let mut next: Option<String> = None;
            for _ in 0..PAGES_MAX {
                let page = call.clone().with("app", Some(app)).with("after", next.as_deref());
                let mut answer = self.call(page).await?;
                if let Value::Array(members) = answer[member].take() {
                    found.extend(members);
                }
                next = answer["next"].as_str().map(str::to_owned);
                if next.is_none() {
                    break;
                }
            }
            has_more |= next.is_some();
        }
        Ok((found, has_more))
    }

    fn unanswered(&self, error: &reqwest::Error) -> Refused {
        Refused::Other(match error {
            error if error.is_connect() => format!("no gateway answers at {}: is it running?", self.base),
            error if error.is_timeout() => format!("the gateway at {} took too long to answer", self.base),
            _ => format!("the gateway at {} broke off its answer", self.base),
        })
    }

    fn refused(&self, status: u16, body: &Value) -> Refused {
        let said = body["error"]["description"].as_str().unwrap_or("no reason given");
        match status {
            401 | 403 => Refused::Other(format!(
                "the gateway at {} refuses the account key {} of the configuration: {said}",
                self.base, self.key.0
            )),
            404 => Refused::Missing(said.to_owned()),
            _ => Refused::Other(format!("the gateway at {} answers {status}: {said}", self.base)),
        }
    }
}
