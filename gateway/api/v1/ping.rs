//! Pings on one of an app user's channels.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::gate::Caller;
use crate::api::once::Marked;
use crate::api::problem::Problem;
use crate::api::receive::Named;
use crate::api::{Api, route};
use crate::core::{CoreError, Thing};

/// A user and one of their channels, by its type.
#[derive(Debug, Deserialize)]
pub(super) struct PingedPath {
    user: String,
    integration: String,
}

/// `POST /appusers/{user}/integrations/{integration}/ping`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<PingedPath>,
    marked: Marked,
) -> Result<Json<Value>, Problem> {
    let user = api.core.user(&tenant, &path.user).await?;
    let of_kind = user.clients.iter().filter(|client| client.kind.eq_ignore_ascii_case(&path.integration));
    let client = of_kind.max_by_key(|client| client.last_seen).ok_or(CoreError::NotFound(Thing::Client))?;
    let integration =
        tenant.integration(&client.integration).ok_or(CoreError::NotFound(Thing::Integration))?;
    let channel = api.live(integration)?;
    api.intake.admission.send(&api.core, &tenant).await?;
    let once = marked.once(StatusCode::OK, pinged);
    api.core.ping(route(&tenant, integration, &*channel), &user, client, once).await?;
    Ok(Json(pinged(&())))
}

fn pinged((): &()) -> Value {
    json!({})
}
