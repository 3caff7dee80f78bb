//! The operator's socket: health without a key, `/heliograph/v1` with one.

mod compact;
mod ledger;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::warn;

use crate::core::{Announced, CoreError, DEAD_LETTERS_PAGE, DeadLetter, DeadLetters, Place};
use crate::metrics::PAGE_TYPE;
use crate::model::{App, Delivery, Id, Moment, State as DeliveryState, Tenant, Timestamp};

use super::Api;
use super::auth::{operator, reach};
use super::once::Marked;
use super::openapi;
use super::problem::Problem;
use super::receive::{ApiBody, Asked, Named};

/// A route of the admin socket: its method, its path as a pattern, and who answers.
pub(super) type Row = (Method, &'static str, MethodRouter<Arc<Api>>);

/// The routes of the admin socket, but those about the pace.
pub(super) fn rows() -> Vec<Row> {
    let mut rows = vec![
        (Method::GET, "/healthz", get(async || Json(json!({ "status": "ok" })))),
        (Method::GET, "/readyz", get(ready)),
        (Method::GET, "/metrics", get(metrics)),
        (Method::GET, "/heliograph/v1/openapi.json", get(openapi::of_operators)),
        (Method::GET, "/heliograph/v1/notifications/{notification}", get(notification)),
        (Method::GET, "/heliograph/v1/deadletters", get(dead_letters)),
        (Method::POST, "/heliograph/v1/deadletters/replay", post(replay)),
    ];
    rows.extend(ledger::rows());
    rows.extend(compact::rows());
    rows
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
    let metrics = api.core.metrics();
    metrics.spooled(api.intake.spool.waiting());
    ([(CONTENT_TYPE, PAGE_TYPE)], metrics.page()).into_response()
}

/// The app a call is about: the key's own, or the one an account key names.
fn app_of(api: &Api, headers: &HeaderMap, app: Option<&str>) -> Result<Arc<Tenant>, Problem> {
    let authority = operator(&api.settings, headers, api.core.now())?;
    if authority.is_account() && app.is_none() {
        return Err(Problem::invalid("app", "is required with an account key"));
    }
    reach(&api.settings, &authority, app)
}

/// The app a call names.
#[derive(Debug, Deserialize)]
pub(super) struct AppQuery {
    pub(super) app: Option<String>,
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
    let announced = api.core.announced(&tenant, &delivery).await.map_err(CoreError::from)?;
    let mut story = story(&tenant.app.id, &delivery);
    interleave(&mut story["timeline"], &announced);
    Ok(Json(json!({ "notification": story })))
}

/// Adds to a timeline how webhooks were told, in the order of time.
fn interleave(timeline: &mut Value, announced: &[Announced]) {
    let Value::Array(lines) = timeline else { return };
    lines.extend(announced.iter().map(|Announced { webhook, trigger, attempt }| {
        let mut line = json!({
            "at": attempt.at.iso(),
            "what": "webhook",
            "webhook": webhook.as_str(),
            "trigger": trigger,
            "attempt": attempt.number,
            "tookMs": attempt.took,
        });
        let facts = [
            ("status", attempt.status.map(Value::from)),
            ("error", attempt.error.as_deref().map(Value::from)),
            ("nextAt", attempt.next.map(|at| Value::from(at.iso()))),
            ("deadLetter", attempt.letter.as_ref().map(|letter| Value::from(letter.as_str()))),
        ];
        for (name, fact) in facts {
            if let Some(fact) = fact {
                line[name] = fact;
            }
        }
        line
    }));
    // ISO times of one form sort as text; what happened at one moment keeps its order.
    lines.sort_by(|one, other| one["at"].as_str().cmp(&other["at"].as_str()));
}

fn story(app: &Id<App>, delivery: &Delivery) -> Value {
    let line = |moment: &Moment| {
        let mut line = json!({ "at": moment.at.iso(), "what": moment.what });
        if let Some(detail) = &moment.detail {
            line["detail"] = Value::from(detail.as_str());
        }
        line
    };
    json!({
        "id": delivery.id.as_str(),
        "app": app.as_str(),
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
    let after = query.after.as_deref().map(Place::parse);
    if after == Some(None) {
        return Err(Problem::invalid("after", "must be the `next` of a page"));
    }
    let which = DeadLetters {
        webhook: query.webhook.map(Id::new),
        from: moment("from", query.from.as_deref())?,
        to: moment("to", query.to.as_deref())?,
        after: after.flatten(),
        limit: query.limit.unwrap_or(DEAD_LETTERS_PAGE).clamp(1, DEAD_LETTERS_PAGE),
    };
    let page = api.core.dead_letters(&tenant, &which).await?;
    let mut answer = json!({
        "deadLetters": page.letters.iter().map(|letter| shown(&tenant, letter)).collect::<Vec<Value>>(),
    });
    if let Some(next) = page.next {
        answer["next"] = Value::from(next.to_string());
    }
    Ok(Json(answer))
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

fn replayed(count: &usize) -> Value {
    json!({ "replayed": count })
}

/// `POST /heliograph/v1/deadletters/replay`
async fn replay(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    Asked(query): Asked<AppQuery>,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let tenant = app_of(&api, &headers, query.app.as_deref())?;
    let asked: Replay =
        serde_json::from_slice(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
    let once = marked.once(StatusCode::OK, replayed);
    let count = match (asked.ids, asked.webhook) {
        (Some(ids), None) => {
            let ids: Vec<Id<DeadLetter>> = ids.into_iter().map(Id::new).collect();
            api.core.replay(&tenant, &ids, &once).await?
        }
        (None, Some(webhook)) => {
            let which = DeadLetters {
                webhook: Some(Id::new(webhook)),
                from: moment("from", asked.from.as_deref())?,
                to: moment("to", asked.to.as_deref())?,
                ..DeadLetters::default()
            };
            api.core.replay_all(&tenant, &which, &once).await?
        }
        _ => return Err(Problem::bad_request("either ids or webhook is required")),
    };
    Ok(Json(replayed(&count)))
}

fn moment(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let at = Timestamp::parse_iso(text).ok_or_else(|| Problem::invalid(name, "must be an ISO 8601 time"))?;
    Ok(Some(at))
}
