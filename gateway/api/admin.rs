//! The operator's socket: health without a key, `/heliograph/v1` with one.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::warn;

use crate::core::{DEAD_LETTERS_PAGE, DeadLetter, DeadLetters};
use crate::metrics::PAGE_TYPE;
use crate::model::{Delivery, Id, KeyScope, Moment, State as DeliveryState, Tenant, Timestamp};

use super::Api;
use super::auth::{authenticate, reach};
use super::problem::Problem;
use super::receive::{ApiBody, Asked, Named};

/// The routes of the admin socket.
pub(super) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/healthz", get(async || Json(json!({ "status": "ok" }))))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/heliograph/v1/notifications/{notification}", get(notification))
        .route("/heliograph/v1/deadletters", get(dead_letters))
        .route("/heliograph/v1/deadletters/replay", post(replay))
}

async fn ready(State(api): State<Arc<Api>>) -> Result<Json<Value>, Problem> {
    if !(api.ready)() {
        return Err(Problem::unavailable("The gateway is draining"));
    }
    if let Err(error) = api.core.healthy().await {
        warn!(%error, "not ready");
        return Err(Problem::unavailable("The store is unavailable"));
    }
    Ok(Json(json!({ "status": "ready" })))
}

/// `GET /metrics`, for Prometheus.
async fn metrics(State(api): State<Arc<Api>>) -> Response {
    ([(CONTENT_TYPE, PAGE_TYPE)], api.core.metrics().page()).into_response()
}

/// The app a call is about: the key's own, or the one an account key names.
fn app_of(api: &Api, headers: &HeaderMap, app: Option<&str>) -> Result<Arc<Tenant>, Problem> {
    let scope = authenticate(&api.settings, headers, api.core.now())?;
    if scope == KeyScope::Account && app.is_none() {
        return Err(Problem::invalid("app", "is required with an account key"));
    }
    reach(&api.settings, &scope, app)
}

#[derive(Debug, Deserialize)]
struct AppQuery {
    app: Option<String>,
}

#[derive(Debug, Deserialize)]
struct NotificationPath {
    notification: String,
}

/// `GET /heliograph/v1/notifications/{notification}`: what became of it, also of messages by their id.
async fn notification(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    Asked(query): Asked<AppQuery>,
    Named(path): Named<NotificationPath>,
) -> Result<Json<Value>, Problem> {
    let tenant = app_of(&api, &headers, query.app.as_deref())?;
    let delivery = api.core.delivery(&tenant, &path.notification).await?;
    Ok(Json(json!({ "notification": story(&tenant, &delivery) })))
}

fn story(tenant: &Tenant, delivery: &Delivery) -> Value {
    let line = |moment: &Moment| {
        let mut line = json!({ "at": moment.at.iso(), "what": moment.what });
        if let Some(detail) = &moment.detail {
            line["detail"] = Value::from(detail.as_str());
        }
        line
    };
    json!({
        "id": delivery.id.as_str(),
        "app": tenant.app.id.as_str(),
        "integration": delivery.integration.as_str(),
        "destination": delivery.destination,
        "state": delivery.state.word(),
        "final": delivery.told_final || matches!(delivery.state, DeliveryState::Unconfirmed),
        "timeline": delivery.timeline.iter().map(line).collect::<Vec<Value>>(),
    })
}

#[derive(Debug, Deserialize)]
struct DeadLettersQuery {
    app: Option<String>,
    webhook: Option<String>,
    from: Option<String>,
    to: Option<String>,
    limit: Option<usize>,
    after: Option<String>,
}

/// `GET /heliograph/v1/deadletters`: oldest first.
async fn dead_letters(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    Asked(query): Asked<DeadLettersQuery>,
) -> Result<Json<Value>, Problem> {
    let tenant = app_of(&api, &headers, query.app.as_deref())?;
    let which = DeadLetters {
        webhook: query.webhook.map(Id::new),
        from: moment("from", query.from.as_deref())?,
        to: moment("to", query.to.as_deref())?,
        limit: usize::MAX,
    };
    let limit = query.limit.unwrap_or(DEAD_LETTERS_PAGE).clamp(1, DEAD_LETTERS_PAGE);
    let letters = api.core.dead_letters(&tenant, &which).await?;
    let page = page(&letters, query.after.as_deref(), limit);
    let mut answer = json!({
        "deadLetters": page.iter().map(|letter| shown(&tenant, letter)).collect::<Vec<Value>>(),
    });
    if let Some(last) = page.last().filter(|_| page.len() == limit) {
        answer["next"] = Value::from(last.id.as_str());
    }
    Ok(Json(answer))
}

/// The letters after one. When that one is gone, it was replayed with those before it: all are left to show.
fn page<'a>(letters: &'a [DeadLetter], after: Option<&str>, limit: usize) -> &'a [DeadLetter] {
    let at = after.and_then(|after| letters.iter().position(|letter| letter.id.as_str() == after));
    let left = &letters[at.map_or(0, |at| at + 1)..];
    &left[..left.len().min(limit)]
}

fn shown(tenant: &Tenant, letter: &DeadLetter) -> Value {
    json!({
        "id": letter.id.as_str(),
        "app": tenant.app.id.as_str(),
        "webhook": letter.webhook.as_str(),
        "target": letter.target,
        "trigger": letter.trigger,
        "attempts": letter.attempts,
        "lastStatus": letter.last_status,
        "lastError": letter.last_error,
        "firstAt": letter.first_at.iso(),
        "lastAt": letter.last_at.iso(),
    })
}

/// Which letters to send again.
#[derive(Debug, Deserialize)]
struct Replay {
    ids: Option<Vec<String>>,
    webhook: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

#[derive(Debug, Serialize)]
struct Replayed {
    replayed: usize,
}

/// `POST /heliograph/v1/deadletters/replay`
async fn replay(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    Asked(query): Asked<AppQuery>,
    ApiBody(body): ApiBody,
) -> Result<Json<Replayed>, Problem> {
    let tenant = app_of(&api, &headers, query.app.as_deref())?;
    let asked: Replay =
        serde_json::from_slice(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
    let replayed = match (asked.ids, asked.webhook) {
        (Some(ids), None) => {
            let ids: Vec<Id<DeadLetter>> = ids.into_iter().map(Id::new).collect();
            api.core.replay(&tenant, &ids).await?
        }
        (None, Some(webhook)) => {
            let which = DeadLetters {
                webhook: Some(Id::new(webhook)),
                from: moment("from", asked.from.as_deref())?,
                to: moment("to", asked.to.as_deref())?,
                limit: DEAD_LETTERS_PAGE,
            };
            replay_all(&api, &tenant, which).await?
        }
        _ => return Err(Problem::bad_request("either ids or webhook is required")),
    };
    Ok(Json(Replayed { replayed }))
}

/// Page by page, until none is left of those given up before now: what fails again is not sent a third time.
async fn replay_all(api: &Api, tenant: &Tenant, which: DeadLetters) -> Result<usize, Problem> {
    let now = api.core.now();
    let which = DeadLetters { to: Some(which.to.map_or(now, |to| to.min(now))), ..which };
    let mut replayed = 0;
    loop {
        let letters = api.core.dead_letters(tenant, &which).await?;
        let ids: Vec<Id<DeadLetter>> = letters.into_iter().map(|letter| letter.id).collect();
        let done = api.core.replay(tenant, &ids).await?;
        if done == 0 {
            return Ok(replayed);
        }
        replayed += done;
    }
}

fn moment(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let at = Timestamp::parse_iso(text).ok_or_else(|| Problem::invalid(name, "must be an ISO 8601 time"))?;
    Ok(Some(at))
}
