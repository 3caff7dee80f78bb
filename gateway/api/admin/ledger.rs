//! The ledger at the operator's socket: the audit, and sends of unknown outcome with what is decided about them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::routing::{get, post};
use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::core::{Account, Decision};
use crate::model::{App, Delivery, Id, State as DeliveryState, Tenant, Timestamp};

use super::super::auth::{operator, reach};
use super::super::once::Marked;
use super::super::problem::Problem;
use super::super::receive::{ApiBody, Asked, Named};
use super::super::{Api, route};
use super::{AppQuery, NotificationPath, Row, app_of, story};

/// Sends of unknown outcome on one page, at most.
const UNKNOWN_PAGE: usize = 100;

/// The routes about the ledger.
pub(super) fn rows() -> [Row; 3] {
    [
        (Method::GET, "/heliograph/v1/audit", get(audit)),
        (Method::GET, "/heliograph/v1/unknown", get(unknown)),
        (Method::POST, "/heliograph/v1/unknown/{notification}", post(decide)),
    ]
}

/// The apps a call is about: the one it names, else all that its key opens.
fn apps_of(api: &Api, headers: &HeaderMap, app: Option<&str>) -> Result<Vec<Arc<Tenant>>, Problem> {
    let authority = operator(&api.settings, headers, api.core.now())?;
    if authority.is_account() && app.is_none() {
        return Ok(api.settings.tenants());
    }
    Ok(vec![reach(&api.settings, &authority, app)?])
}

/// `GET /heliograph/v1/audit`: whether everything that was accepted is accounted for.
async fn audit(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    Asked(query): Asked<AppQuery>,
) -> Result<Json<Value>, Problem> {
    let mut is_balanced = true;
    let mut apps = Vec::new();
    for tenant in apps_of(&api, &headers, query.app.as_deref())? {
        let accounts = api.core.audit(&tenant).await?;
        is_balanced &= accounts.values().all(Account::is_balanced);
        let integrations = accounts.iter().map(|(id, account)| shown(id.as_str(), account));
        apps.push(json!({
            "id": tenant.app.id.as_str(),
            "integrations": integrations.collect::<Vec<Value>>(),
        }));
    }
    Ok(Json(json!({ "balanced": is_balanced, "apps": apps })))
}

fn shown(id: &str, account: &Account) -> Value {
    let pending = &account.pending;
    json!({
        "id": id,
        "accepted": account.accepted,
        "delivered": account.delivered,
        "failed": account.failed,
        "unconfirmed": account.unconfirmed,
        "pending": {
            "queued": pending.queued,
            "sending": pending.sending,
            "sent": pending.sent,
            "unknown": pending.unknown,
        },
        "resentAfterUnknown": account.resent_after_unknown,
        "possibleDuplicates": account.possible_duplicates,
        "knownDuplicates": account.known_duplicates,
    })
}

#[derive(Debug, Deserialize)]
struct UnknownQuery {
    app: Option<String>,
    limit: Option<usize>,
    after: Option<String>,
}

/// A place in the list of all that is unknown, as `next` gives it and `after` takes it.
struct Place {
    app: String,
    since: Timestamp,
    id: String,
}

impl Place {
    fn parse(text: &str) -> Option<Place> {
        let mut words = text.splitn(3, '.');
        let (app, since, id) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
        Some(Place { app: app.to_owned(), since: Timestamp::from_millis(since), id: id.to_owned() })
    }
}

/// `GET /heliograph/v1/unknown`: sends whose outcome is not known, of each app the longest first.
async fn unknown(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    Asked(query): Asked<UnknownQuery>,
) -> Result<Json<Value>, Problem> {
    let mut tenants = apps_of(&api, &headers, query.app.as_deref())?;
    tenants.sort_by(|a, b| a.app.id.as_str().cmp(b.app.id.as_str()));
    let limit = query.limit.unwrap_or(UNKNOWN_PAGE).clamp(1, UNKNOWN_PAGE);
    let after = match query.after.as_deref() {
        Some(text) => Some(Place::parse(text).ok_or_else(|| Problem::invalid("after", "is not a `next`"))?),
        None => None,
    };
    let (mut found, mut next) = (Vec::new(), None);
    for tenant in tenants {
        let app = tenant.app.id.as_str();
        let behind = after.as_ref().filter(|place| place.app == app);
        if behind.is_none() && after.as_ref().is_some_and(|place| *app < *place.app) {
            continue;
        }
        let behind = behind.map(|place| (place.since, place.id.clone()));
        let left = limit - found.len();
        let page = api.core.unknown(&tenant, behind, left).await?;
        found.extend(page.iter().map(|delivery| doubtful(app, delivery)));
        if let Some(last) = page.last().filter(|_| found.len() == limit) {
            next = Some(format!("{app}.{}.{}", since(last).millis(), last.id));
            break;
        }
    }
    let mut answer = json!({ "unknown": found });
    if let Some(next) = next {
        answer["next"] = next.into();
    }
    Ok(Json(answer))
}

fn since(delivery: &Delivery) -> Timestamp {
    match delivery.state {
        DeliveryState::Unknown { since } => since,
        _ => delivery.created,
    }
}

fn doubtful(app: &str, delivery: &Delivery) -> Value {
    json!({
        "id": delivery.id.as_str(),
        "app": app,
        "integration": delivery.integration.as_str(),
        "destination": delivery.destination,
        "since": since(delivery).iso(),
        "attempts": delivery.attempts,
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Decided {
    decision: String,
}

/// `POST /heliograph/v1/unknown/{notification}`: sends it again, or gives it up.
async fn decide(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    Asked(query): Asked<AppQuery>,
    Named(path): Named<NotificationPath>,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let tenant = app_of(&api, &headers, query.app.as_deref())?;
    let asked: Decided =
        serde_json::from_slice(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
    let decision = match asked.decision.as_str() {
        "resend" => Decision::Resend,
        "fail" => Decision::Fail,
        _ => return Err(Problem::invalid("decision", "must be `resend` or `fail`")),
    };
    let integration = api.core.integration_of(&tenant, &path.notification).await?;
    let channel = api.live(integration)?;
    let way = route(&tenant, integration, &*channel);
    let once = marked.once(StatusCode::OK, decided);
    let done = api.core.decide(way, &Id::new(path.notification), decision, &once).await?;
    Ok(Json(decided(&done)))
}

fn decided((app, delivery): &(Id<App>, Delivery)) -> Value {
    json!({ "notification": story(app, delivery) })
}
