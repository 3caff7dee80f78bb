//! Erasing app users.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::gate::Caller;
use crate::api::problem::Problem;
use crate::api::receive::Named;

use super::UserPath;

/// `DELETE /appusers/{user}`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
) -> Result<Json<Value>, Problem> {
    api.core.erase_user(&tenant, &user, &|integration| api.channels.get(integration)).await?;
    Ok(Json(json!({})))
}
