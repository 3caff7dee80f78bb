//! The keys of an app and of a service account: the same calls for both.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::gate::Caller;
use crate::api::jwt;
use crate::api::once::Marked;
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Named};
use crate::model::{Id, Key};
use crate::settings::{KeyOwner, SettingsError};
use crate::wire::v1::{self, NameField};

/// Whose keys a path is about: the service account it names, else the app.
#[derive(Debug)]
pub(super) struct Owner(KeyOwner);

#[derive(Debug, Deserialize)]
struct OwnerPath {
    account: Option<String>,
}

impl FromRequestParts<Arc<Api>> for Owner {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Owner, Problem> {
        let Named(path) = Named::<OwnerPath>::from_request_parts(parts, api).await?;
        let Some(account) = path.account else {
            let Caller(tenant) = Caller::from_request_parts(parts, api).await?;
            return Ok(Owner(KeyOwner::App(tenant.app.id.clone())));
        };
        let found = api.settings.service_account(&Id::new(account)).ok_or(SettingsError::NotFound)?;
        Ok(Owner(KeyOwner::ServiceAccount(found.id)))
    }
}

/// The key a path names.
#[derive(Debug, Deserialize)]
pub(super) struct KeyPath {
    key: String,
}

impl KeyPath {
    fn find(&self, api: &Api, owner: &KeyOwner) -> Result<Key, Problem> {
        let found = api.settings.key(&self.key).filter(|key| key.scope == owner.scope());
        Ok(found.ok_or(SettingsError::NotFound)?)
    }
}

/// `POST …/keys`, which the platform answers with 200.
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Owner(owner): Owner,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let now = api.core.now();
    let name = NameField::parse(&body, now)?.name.ok_or_else(|| Problem::required("name"))?;
    let once = marked.once(StatusCode::OK, shown);
    let key = api.settings.create_key(&owner, name, &|batch, key| once.enter(batch, now, key)).await?;
    Ok(Json(shown(&key)))
}

/// `GET …/keys`
pub(super) async fn list(State(api): State<Arc<Api>>, Owner(owner): Owner) -> Json<Value> {
    let keys: Vec<Value> = api.settings.keys_of(&owner).iter().map(v1::key).collect();
    Json(json!({ "keys": keys }))
}

/// `GET …/keys/{key}`
pub(super) async fn read(
    State(api): State<Arc<Api>>,
    Owner(owner): Owner,
    Named(path): Named<KeyPath>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(shown(&path.find(&api, &owner)?)))
}

/// `GET …/keys/{key}/jwt`
pub(super) async fn token(
    State(api): State<Arc<Api>>,
    Owner(owner): Owner,
    Named(path): Named<KeyPath>,
) -> Result<Json<Value>, Problem> {
    let key = path.find(&api, &owner)?;
    Ok(Json(json!({ "jwt": jwt::sign(&key, api.core.now()) })))
}

/// `DELETE …/keys/{key}`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Owner(owner): Owner,
    Named(path): Named<KeyPath>,
) -> Result<Json<Value>, Problem> {
    api.settings.delete_key(&owner, &path.key).await?;
    Ok(Json(json!({})))
}

fn shown(key: &Key) -> Value {
    json!({ "key": v1::key(key) })
}
