//! The OpenAPI documents, answered as they are checked in under `../openapi/`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::Api;
use super::auth::operator;
use super::problem::Problem;

const V1: &str = include_str!("../openapi/v1.1.json");
const V2: &str = include_str!("../openapi/v2.json");
const ADMIN: &str = include_str!("../openapi/admin.json");

/// What customers call: anybody may read it.
pub(super) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/openapi/v1.1.json", get(async || document(V1)))
        .route("/openapi/v2.json", get(async || document(V2)))
}

/// `GET /heliograph/v1/openapi.json`
pub(super) async fn of_operators(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    operator(&api.settings, &headers, api.core.now())?;
    Ok(document(ADMIN))
}

fn document(json: &'static str) -> Response {
    ([(CONTENT_TYPE, "application/json")], json).into_response()
}
