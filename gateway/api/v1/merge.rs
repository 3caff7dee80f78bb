//! Making two app users one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::gate::Caller;
use crate::api::once::Marked;
use crate::api::problem::Problem;
use crate::api::receive::ApiBody;
use crate::wire::v1;

/// `POST /appusers/merge`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let asked = v1::MergeUsers::parse(&body)?;
    let once = marked.once(StatusCode::OK, merged);
    api.core.merge(&tenant, &asked.surviving, &asked.discarded, once).await?;
    Ok(Json(merged(&())))
}

fn merged((): &()) -> Value {
    json!({})
}
