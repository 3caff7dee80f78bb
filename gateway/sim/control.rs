//! `/control`: people write, receipts come, providers misbehave, all on demand.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use bytes::Bytes;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::{
    Account, Sim,
    inbox::InboxRuleRequest,
    limits::LimitRequest,
    lock,
    outbox::Pace,
    provider::{ErrorCode, Media, Report, Signature, Written},
    rules::RuleRequest,
};

/// What a written message costs beside its texts, roughly.
const WRITTEN_OVERHEAD: usize = 400;

/// The control calls.
pub(super) fn routes() -> Router<Arc<Sim>> {
    Router::new()
        .route("/control/sent", get(list_sent).delete(forget_sent))
        .route("/control/calls", get(list_calls).delete(forget_calls))
        .route("/control/acts", get(list_acts).delete(forget_acts))
        .route("/control/write", post(write))
        .route("/control/receipt", post(receipt))
        .route("/control/pace", put(set_pace))
        .route("/control/rules", post(add_rule).delete(forget_rules))
        .route("/control/limits", get(list_limits).put(set_limit))
        .route("/control/door", put(shut_door))
        .route("/control/inbox", post(add_inbox_rule))
        .route("/control/accounts", put(admit))
}

/// What a control call answers when it was asked for something it does not know.
struct Refused(String);

impl From<String> for Refused {
    fn from(reason: String) -> Refused {
        Refused(reason)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, Json(json!({ "error": self.0 }))).into_response()
    }
}

type Answered = Result<Json<Value>, Refused>;

fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| Refused(error.to_string()))?;
    json.end().map_err(|error| Refused(error.to_string()))?;
    Ok(parsed)
}

async fn list_sent(State(sim): State<Arc<Sim>>) -> Json<Value> {
    Json(json!({ "sent": sim.outbox.view() }))
}

async fn forget_sent(State(sim): State<Arc<Sim>>) -> Json<Value> {
    sim.outbox.clear();
    Json(json!({}))
}

async fn list_calls(State(sim): State<Arc<Sim>>) -> Json<Value> {
    Json(json!({ "calls": sim.calls.view() }))
}

async fn forget_calls(State(sim): State<Arc<Sim>>) -> Json<Value> {
    sim.calls.clear();
    Json(json!({}))
}

async fn list_acts(State(sim): State<Arc<Sim>>) -> Json<Value> {
    Json(json!({ "acts": sim.acts.view() }))
}

async fn forget_acts(State(sim): State<Arc<Sim>>) -> Json<Value> {
    sim.acts.clear();
    Json(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WriteRequest {
    integration_id: String,
    from: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    media: Vec<Media>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    payload: Option<String>,
    #[serde(default)]
    answers: Option<String>,
    #[serde(default)]
    provider_id: Option<String>,
    #[serde(default)]
    signature: Signature,
}

async fn write(State(sim): State<Arc<Sim>>, body: Bytes) -> Answered {
    let asked: WriteRequest = parse(&body)?;
    let (account, provider) = sim
        .integration(&asked.integration_id)
        .ok_or_else(|| Refused(format!("no integration {} here", asked.integration_id)))?;
    let provider_id = asked.provider_id.unwrap_or_else(|| provider.new_id(!asked.media.is_empty()));
    let key = format!("{}/{provider_id}", asked.integration_id);
    let before = lock(&sim.written).get(&key);
    let is_new = before.is_none();
    let written = before.unwrap_or_else(|| {
        Arc::new(Written {
            account,
            provider_id,
            from: asked.from,
            text: asked.text.unwrap_or_default(),
            media: asked.media,
            name: asked.name,
            subject: asked.subject,
            payload: asked.payload,
            answers: asked.answers,
        })
    });
    let hook = provider.written(&written, asked.signature)?;
    if is_new {
        lock(&sim.written).push(Some(key), WRITTEN_OVERHEAD + body.len(), Arc::clone(&written));
    }
    let status = sim.outbox.post(hook).await;
    Ok(Json(json!({ "providerId": written.provider_id, "status": number(status) })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReceiptRequest {
    provider_id: String,
    status: String,
    #[serde(default)]
    error_code: Option<ErrorCode>,
    #[serde(default)]
    signature: Signature,
}

async fn receipt(State(sim): State<Arc<Sim>>, body: Bytes) -> Answered {
    let asked: ReceiptRequest = parse(&body)?;
    let sent = sim
        .outbox
        .get(&asked.provider_id)
        .ok_or_else(|| Refused(format!("no message {} was sent here", asked.provider_id)))?;
    let report = Report { status: asked.status, error: asked.error_code };
    let hook = sim
        .integration(&sent.draft.account.integration_id)
        .and_then(|(_, provider)| provider.receipt(&sent, &report, asked.signature))
        .ok_or_else(|| Refused(format!("message {} asked for no receipts", asked.provider_id)))?;
    let status = sim.outbox.post_receipt(&sent, &report, hook).await;
    Ok(Json(json!({ "status": number(status) })))
}

/// What the gateway answered; `null` when it could not be reached.
fn number(status: Option<StatusCode>) -> Option<u16> {
    status.map(|status| status.as_u16())
}

async fn set_pace(State(sim): State<Arc<Sim>>, body: Bytes) -> Answered {
    sim.outbox.set_pace(parse::<Pace>(&body)?);
    Ok(Json(json!({})))
}

async fn list_limits(State(sim): State<Arc<Sim>>) -> Json<Value> {
    Json(json!({ "limits": lock(&sim.limits).view() }))
}

async fn set_limit(State(sim): State<Arc<Sim>>, body: Bytes) -> Answered {
    let asked: LimitRequest = parse(&body)?;
    is_known(&sim, &asked.integration_id)?;
    lock(&sim.limits).set(asked, Instant::now())?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AccountRequest {
    integration_id: String,
    #[serde(rename = "type")]
    kind: String,
    hook_url: String,
    settings: Map<String, Value>,
}

async fn admit(State(sim): State<Arc<Sim>>, body: Bytes) -> Answered {
    let AccountRequest { integration_id, kind, hook_url, settings } = parse(&body)?;
    sim.admit(Account { kind, integration_id, hook_url, settings })?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DoorRequest {
    shut_ms: u64,
}

async fn shut_door(State(sim): State<Arc<Sim>>, body: Bytes) -> Answered {
    let asked: DoorRequest = parse(&body)?;
    sim.door.shut_for(Duration::from_millis(asked.shut_ms));
    Ok(Json(json!({})))
}

fn is_known(sim: &Sim, integration_id: &str) -> Result<(), Refused> {
    let known = sim.integration(integration_id).map(|_| ());
    known.ok_or_else(|| Refused(format!("no integration {integration_id} here")))
}

async fn add_rule(State(sim): State<Arc<Sim>>, body: Bytes) -> Answered {
    let asked: RuleRequest = parse(&body)?;
    if let Some(id) = &asked.integration_id {
        is_known(&sim, id)?;
    }
    if let Some(kind) = &asked.kind
        && !sim.providers.contains_key(kind.as_str())
    {
        return Err(Refused(format!("no provider {kind} here")));
    }
    let id = lock(&sim.rules).add(asked)?;
    Ok(Json(json!({ "id": id })))
}

async fn forget_rules(State(sim): State<Arc<Sim>>) -> Json<Value> {
    lock(&sim.rules).clear();
    sim.inbox.clear_rules();
    Json(json!({}))
}

async fn add_inbox_rule(State(sim): State<Arc<Sim>>, body: Bytes) -> Answered {
    sim.inbox.add_rule(parse::<InboxRuleRequest>(&body)?)?;
    Ok(Json(json!({})))
}
