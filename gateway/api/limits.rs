//! How fast integrations may go, at the operator's socket: pause and resume, limits as they are set and as they stand.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::routing::{get, post, put};
use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::core::{CoreError, Thing};
use crate::model::{Id, Integration, Limits, Tenant, Timestamp};

use super::Api;
use super::admin::Row;
use super::auth::{Authority, operator, reach};
use super::once::Marked;
use super::problem::Problem;
use super::receive::{ApiBody, Named};

/// The highest pace that can be set: nobody's provider takes more, and clocks count no finer.
const PER_SECOND_MAX: f64 = 100_000.0;

/// The slowest: a message in a quarter of an hour.
const PER_SECOND_MIN: f64 = 0.001;

/// The biggest burst that can be set.
const BURST_MAX: u32 = 1_000_000;

/// The routes of this file.
pub(super) fn rows() -> [Row; 4] {
    [
        (Method::POST, "/heliograph/v1/integrations/{integration}/pause", post(pause)),
        (Method::POST, "/heliograph/v1/integrations/{integration}/resume", post(resume)),
        (Method::GET, "/heliograph/v1/integrations/{integration}/limits", get(limits)),
        (Method::PUT, "/heliograph/v1/integrations/{integration}/limits", put(set_limits)),
    ]
}

#[derive(Debug, Deserialize)]
struct IntegrationPath {
    integration: String,
}

/// The integration a call names, if its key reaches it.
fn integration_of(
    api: &Api,
    headers: &HeaderMap,
    path: IntegrationPath,
) -> Result<(Arc<Tenant>, Id<Integration>), Problem> {
    let authority = operator(&api.settings, headers, api.core.now())?;
    let tenant = owner_of(api, &authority, &path.integration)?;
    Ok((tenant, Id::new(path.integration)))
}

/// The app of an integration, if a caller reaches it.
pub(super) fn owner_of(api: &Api, authority: &Authority, integration: &str) -> Result<Arc<Tenant>, Problem> {
    let missing = || CoreError::NotFound(Thing::Integration);
    let tenant = api.settings.owner(&Id::new(integration)).ok_or_else(missing)?;
    // To a key that does not reach it, another app's integration is not there.
    Ok(reach(&api.settings, authority, Some(tenant.app.id.as_str())).map_err(|_| missing())?)
}

async fn pause(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    Named(path): Named<IntegrationPath>,
    marked: Marked,
) -> Result<Json<Value>, Problem> {
    set_paused(&api, &headers, path, &marked, true).await
}

async fn resume(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    Named(path): Named<IntegrationPath>,
    marked: Marked,
) -> Result<Json<Value>, Problem> {
    set_paused(&api, &headers, path, &marked, false).await
}

async fn set_paused(
    api: &Api,
    headers: &HeaderMap,
    path: IntegrationPath,
    marked: &Marked,
    paused: bool,
) -> Result<Json<Value>, Problem> {
    let (_, id) = integration_of(api, headers, path)?;
    let once = marked.once(StatusCode::OK, paused_or_not);
    let done = (id, paused);
    let now = api.core.now();
    api.settings.pause(&done.0, paused, &|batch| once.enter(batch, now, &done)).await?;
    Ok(Json(paused_or_not(&done)))
}

fn paused_or_not((id, paused): &(Id<Integration>, bool)) -> Value {
    json!({ "integration": { "id": id.as_str(), "paused": paused } })
}

/// `GET /heliograph/v1/integrations/{integration}/limits`
async fn limits(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    Named(path): Named<IntegrationPath>,
) -> Result<Json<Value>, Problem> {
    let (tenant, id) = integration_of(&api, &headers, path)?;
    shown(&api, &tenant, &id).await
}

/// `PUT /heliograph/v1/integrations/{integration}/limits`: all three at once; one left out is the file's again.
async fn set_limits(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    Named(path): Named<IntegrationPath>,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let (tenant, id) = integration_of(&api, &headers, path)?;
    let limits: Limits =
        serde_json::from_slice(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
    sensible(&limits)?;
    api.settings.limit(&id, limits).await?;
    let tenant = api.settings.tenant(&tenant.app.id).unwrap_or(tenant);
    shown(&api, &tenant, &id).await
}

fn sensible(limits: &Limits) -> Result<(), Problem> {
    if limits.per_second.is_some_and(|rate| !(PER_SECOND_MIN..=PER_SECOND_MAX).contains(&rate)) {
        let message = format!("must lie between {PER_SECOND_MIN} and {PER_SECOND_MAX}");
        return Err(Problem::invalid("perSecond", &message));
    }
    if limits.burst.is_some_and(|burst| !(1..=BURST_MAX).contains(&burst)) {
        return Err(Problem::invalid("burst", &format!("must lie between 1 and {BURST_MAX}")));
    }
    if limits.per_day == Some(0) {
        return Err(Problem::invalid("perDay", "must be at least 1; pause the integration to send nothing"));
    }
    Ok(())
}

/// The limits that hold, and how the pace stands.
async fn shown(api: &Api, tenant: &Tenant, id: &Id<Integration>) -> Result<Json<Value>, Problem> {
    let integration = tenant.integration(id).ok_or(CoreError::NotFound(Thing::Integration))?;
    let channel = api.live(integration)?;
    let (per_second, burst) = integration.limits.pace(&channel.capabilities().rate);
    let now = api.core.now();
    let report = api.core.pace(&tenant.app.id, id).await?;
    let parked_until = report.as_ref().and_then(|report| report.parked_until).filter(|until| *until > now);
    let rate = report.map_or(per_second, |report| report.rate.min(per_second));
    let queued = api.core.queued_for(&tenant.app.id, id).await?;
    Ok(Json(json!({
        "limits": { "perSecond": per_second, "perDay": integration.limits.per_day, "burst": burst },
        "now": { "rate": rate, "parkedUntil": parked_until.map(Timestamp::iso), "queued": queued },
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_must_make_sense() {
        let refused = |limits| sensible(&limits).is_err();
        let none = Limits::default();
        assert!(!refused(none));
        assert!(!refused(Limits { per_second: Some(0.5), per_day: Some(1), burst: Some(1) }));
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(refused(Limits { per_second: Some(rate), ..none }), "{rate}");
        }
        assert!(refused(Limits { burst: Some(0), ..none }));
        assert!(refused(Limits { per_day: Some(0), ..none }));
    }
}
