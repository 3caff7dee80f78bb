//! Compacting at the operator's socket: what was removed leaves the store's files.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::super::Api;
use super::super::auth::operator;
use super::super::problem::Problem;
use super::Row;

/// The route.
pub(super) fn rows() -> [Row; 1] {
    [(Method::POST, "/heliograph/v1/compact", post(compact))]
}

/// `POST /heliograph/v1/compact`: answered when it is done. What is still being erased by then is not gone.
async fn compact(State(api): State<Arc<Api>>, headers: HeaderMap) -> Result<Json<Value>, Problem> {
    if !operator(&api.settings, &headers, api.core.now())?.is_account() {
        return Err(Problem::forbidden("The store belongs to all apps: an account key is needed"));
    }
    let erasing = api.core.erasures().await?;
    let began = api.core.now();
    api.core.compact().await?;
    let took = api.core.now().since(began).as_millis() as u64;
    Ok(Json(json!({ "compacted": true, "erasing": erasing, "tookMs": took })))
}
