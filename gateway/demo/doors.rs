//! The three doors at which the demo knocks, all of them HTTP: the API as a customer, the admin socket as an
//! operator, the simulator as a provider and as people.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::channels::{APP, KEY};

/// Every call is answered on loopback, and only a broken gateway takes longer.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// What the webhook hears of.
const TRIGGERS: &[&str] = &[
    "notification:delivery:channel",
    "notification:delivery:user",
    "notification:delivery:failure",
    "message:appUser",
];

/// Where everything listens, and a client.
#[derive(Debug)]
pub(super) struct Doors<'a> {
    api: &'a str,
    admin: &'a str,
    sim: &'a str,
    client: reqwest::Client,
}

impl<'a> Doors<'a> {
    /// Nothing is called yet.
    pub(super) fn new(api: &'a str, admin: &'a str, sim: &'a str) -> Result<Doors<'a>, String> {
        // reqwest asks for a process-wide choice even where only plain HTTP is spoken; another may have made it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().timeout(CALL_TIMEOUT).build();
        Ok(Doors { api, admin, sim, client: client.map_err(|error| error.to_string())? })
    }

    /// Subscribes the simulator's inbox to what the demo shows.
    pub(super) async fn subscribe(&self) -> Result<(), String> {
        let body = json!({ "target": format!("{}/inbox", self.sim), "triggers": TRIGGERS });
        let url = format!("{}/v1.1/apps/{APP}/webhooks", self.api);
        self.expect(Method::POST, &url, body).await.map(drop)
    }

    /// Posts a notification. Answers its id, or what the API says against it.
    pub(super) async fn notify(
        &self,
        integration: &str,
        person: &str,
        text: &str,
    ) -> Result<Result<String, String>, String> {
        let body = json!({
            "destination": { "integrationId": integration, "destinationId": person },
            "author": { "role": "appMaker" },
            "message": { "type": "text", "text": text },
        });
        let url = format!("{}/v1.1/apps/{APP}/notifications", self.api);
        let (status, answer) = self.call(Method::POST, &url, body).await?;
        let id = answer["notification"]["_id"].as_str().filter(|_| status == 201);
        Ok(id.map(str::to_owned).ok_or_else(|| format!("{status} {answer}")))
    }

    /// The moments of a notification, oldest first.
    pub(super) async fn timeline(&self, notification: &str) -> Result<Vec<Value>, String> {
        let url = format!("{}/heliograph/v1/notifications/{notification}", self.admin);
        let mut answer = self.expect(Method::GET, &url, Value::Null).await?;
        Ok(list(answer["notification"]["timeline"].take()))
    }

    /// The webhooks that came to the inbox, oldest first.
    pub(super) async fn inbox(&self) -> Result<Vec<Value>, String> {
        let url = format!("{}/inbox", self.sim);
        let mut answer = self.expect(Method::GET, &url, Value::Null).await?;
        Ok(list(answer["inbox"].take()))
    }

    /// A person writes. Answers what went wrong when the gateway did not take it.
    pub(super) async fn write(
        &self,
        integration: &str,
        from: &str,
        text: &str,
    ) -> Result<Result<(), String>, String> {
        let body = json!({ "integrationId": integration, "from": from, "text": text });
        let url = format!("{}/control/write", self.sim);
        let (_, answer) = self.call(Method::POST, &url, body).await?;
        let is_taken = answer["status"].as_u64().is_some_and(|status| status / 100 == 2);
        Ok(if is_taken { Ok(()) } else { Err(answer.to_string()) })
    }

    /// Sets what happens to sends to this person.
    pub(super) async fn rule(&self, integration: &str, person: &str, rule: &str) -> Result<(), String> {
        let mut body: Value = serde_json::from_str(rule).map_err(|error| error.to_string())?;
        body["integrationId"] = Value::from(integration);
        body["destination"] = Value::from(person);
        self.expect(Method::POST, &format!("{}/control/rules", self.sim), body).await.map(drop)
    }

    async fn expect(&self, method: Method, url: &str, body: Value) -> Result<Value, String> {
        let (status, answer) = self.call(method, url, body).await?;
        if status / 100 == 2 { Ok(answer) } else { Err(format!("{url} answered {status} {answer}")) }
    }

    /// Every door gets the key; the simulator does not look at it.
    async fn call(&self, method: Method, url: &str, body: Value) -> Result<(u16, Value), String> {
        let mut request = self.client.request(method, url).basic_auth(KEY.0, Some(KEY.1));
        if !body.is_null() {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let failed = |error: reqwest::Error| format!("{url} does not answer: {error}");
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.map_err(failed)?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
    }
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(list) => list,
        _ => Vec::new(),
    }
}
