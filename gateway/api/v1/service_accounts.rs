//! Service accounts: somebody who works on the whole account, with keys of their own.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::once::Marked;
use crate::api::page::Page;
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Named};
use crate::model::{Id, ServiceAccount};
use crate::settings::SettingsError;
use crate::wire::v1::{self, NameField};

/// The service account a path names.
#[derive(Debug, Deserialize)]
pub(super) struct AccountPath {
    account: String,
}

/// `POST /serviceaccounts`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let now = api.core.now();
    let name = NameField::parse(&body, now)?.name.ok_or_else(|| Problem::required("name"))?;
    let once = marked.once(StatusCode::CREATED, shown);
    let also = |batch: &mut _, made: &_| once.enter(batch, now, made);
    let made = api.settings.create_service_account(name, &also).await?;
    Ok((StatusCode::CREATED, Json(shown(&made))))
}

/// `GET /serviceaccounts`
pub(super) async fn list(State(api): State<Arc<Api>>, page: Page) -> Json<Value> {
    Json(page.of("serviceAccounts", api.settings.service_accounts().iter().map(v1::service_account)))
}

/// `GET /serviceaccounts/{account}`
pub(super) async fn read(
    State(api): State<Arc<Api>>,
    Named(path): Named<AccountPath>,
) -> Result<Json<Value>, Problem> {
    let found = api.settings.service_account(&Id::new(path.account)).ok_or(SettingsError::NotFound)?;
    Ok(Json(shown(&found)))
}

/// `PUT /serviceaccounts/{account}`
pub(super) async fn update(
    State(api): State<Arc<Api>>,
    Named(path): Named<AccountPath>,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let asked = NameField::parse(&body, api.core.now())?;
    let change = |account: &mut ServiceAccount| {
        if let Some(name) = asked.name {
            account.name = name;
        }
    };
    let changed = api.settings.update_service_account(&Id::new(path.account), change).await?;
    Ok(Json(shown(&changed)))
}

/// `DELETE /serviceaccounts/{account}`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Named(path): Named<AccountPath>,
) -> Result<Json<Value>, Problem> {
    api.settings.delete_service_account(&Id::new(path.account)).await?;
    Ok(Json(json!({})))
}

fn shown(account: &ServiceAccount) -> Value {
    json!({ "serviceAccount": v1::service_account(account) })
}
