//! The keys of an app.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::gate::Caller;
use crate::api::once::Marked;
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Named};
use crate::model::{Key, Tenant};
use crate::settings::{KeyOwner, SettingsError};
use crate::wire::v2::{self, DisplayName};

/// The key a path names.
#[derive(Debug, Deserialize)]
pub(super) struct KeyPath {
    pub(super) key: String,
}

fn owner(tenant: &Tenant) -> KeyOwner {
    KeyOwner::App(tenant.app.id.clone())
}

/// `POST …/keys`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let (now, DisplayName(name)) = (api.core.now(), DisplayName::parse(&body)?);
    let once = marked.once(StatusCode::CREATED, shown);
    let owner = owner(&tenant);
    let key = api.settings.create_key(&owner, name, &|batch, key| once.enter(batch, now, key)).await?;
    Ok((StatusCode::CREATED, Json(shown(&key))))
}

/// `GET …/keys`
pub(super) async fn list(State(api): State<Arc<Api>>, Caller(tenant): Caller) -> Json<Value> {
    let keys: Vec<Value> = api.settings.keys_of(&owner(&tenant)).iter().map(v2::key).collect();
    Json(json!({ "keys": keys }))
}

/// `GET …/keys/{key}`
pub(super) async fn read(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<KeyPath>,
) -> Result<Json<Value>, Problem> {
    let found = api.settings.key(&path.key).filter(|key| key.scope == owner(&tenant).scope());
    Ok(Json(shown(&found.ok_or(SettingsError::NotFound)?)))
}

/// `DELETE …/keys/{key}`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<KeyPath>,
) -> Result<Json<Value>, Problem> {
    api.settings.delete_key(&owner(&tenant), &path.key).await?;
    Ok(Json(json!({})))
}

/// A key, wrapped in its name.
pub(super) fn shown(key: &Key) -> Value {
    json!({ "key": v2::key(key) })
}
