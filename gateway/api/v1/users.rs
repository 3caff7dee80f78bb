//! App users.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::gate::Caller;
use crate::api::once::Marked;
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Named};
use crate::core::{Change, NewUser, ProfileChange};
use crate::model::User;
use crate::wire::v1;

use super::UserPath;

/// `POST /appusers`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let asked = v1::PreCreate::parse(&body, api.core.now())?;
    let new = NewUser {
        external_id: Some(asked.user_id),
        given_name: asked.given_name,
        surname: asked.surname,
        email: asked.email,
        signed_up_at: asked.signed_up_at,
        properties: asked.properties,
        ..NewUser::default()
    };
    let once = marked.once(StatusCode::CREATED, shown);
    let user = api.core.create_user(&tenant, new, once).await?;
    Ok((StatusCode::CREATED, Json(shown(&user))))
}

fn shown(user: &User) -> Value {
    json!({ "appUser": v1::app_user(user) })
}

/// `GET /appusers/{user}`
pub(super) async fn read(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
) -> Result<Json<Value>, Problem> {
    let user = api.core.user(&tenant, &user).await?;
    Ok(Json(shown(&tenant.reaching(user))))
}

/// `PUT /appusers/{user}`
pub(super) async fn update(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let asked = v1::ProfileFields::parse(&body)?;
    let change = ProfileChange {
        given_name: Change::of(asked.given_name),
        surname: Change::of(asked.surname),
        email: Change::of(asked.email),
        signed_up_at: asked.signed_up_at,
        properties: asked.properties,
        ..ProfileChange::default()
    };
    let user = api.core.change_profile(&tenant, &user, &change).await?;
    Ok(Json(shown(&tenant.reaching(user))))
}

/// `DELETE /appusers/{user}/profile`
pub(super) async fn forget_profile(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
) -> Result<Json<Value>, Problem> {
    let user = api.core.forget_profile(&tenant, &user).await?;
    Ok(Json(shown(&tenant.reaching(user))))
}
