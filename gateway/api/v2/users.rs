//! People.

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
use crate::wire::v2;

use super::UserPath;

/// `POST …/users`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let v2::NewUser { external_id, fields } = v2::NewUser::parse(&body)?;
    let mut properties = fields.metadata;
    properties.retain(|_, value| !value.is_null());
    let new = NewUser {
        external_id,
        given_name: fields.given_name.flatten(),
        surname: fields.surname.flatten(),
        email: fields.email.flatten(),
        avatar_url: fields.avatar_url.flatten(),
        locale: fields.locale.flatten(),
        to_be_retained: fields.to_be_retained.unwrap_or(false),
        signed_up_at: fields.signed_up_at,
        properties,
    };
    let once = marked.once(StatusCode::CREATED, shown);
    let user = api.core.create_user(&tenant, new, once).await?;
    Ok((StatusCode::CREATED, Json(shown(&user))))
}

/// `GET …/users/{user}`
pub(super) async fn read(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(shown(&api.core.user(&tenant, &user).await?)))
}

/// `PATCH …/users/{user}`
pub(super) async fn update(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let fields = v2::UserFields::parse(&body)?;
    let change = ProfileChange {
        given_name: Change::of(fields.given_name),
        surname: Change::of(fields.surname),
        email: Change::of(fields.email),
        avatar_url: Change::of(fields.avatar_url),
        locale: Change::of(fields.locale),
        to_be_retained: fields.to_be_retained,
        signed_up_at: fields.signed_up_at,
        clears_properties: fields.clears_metadata,
        properties: fields.metadata,
    };
    Ok(Json(shown(&api.core.change_profile(&tenant, &user, &change).await?)))
}

/// `DELETE …/users/{user}/personalinformation`
pub(super) async fn forget_profile(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(shown(&api.core.forget_profile(&tenant, &user).await?)))
}

/// `POST …/users/{user}/sync`: with people of a help desk, whom nobody here has.
pub(super) async fn sync(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
) -> Result<Json<Value>, Problem> {
    api.core.user(&tenant, &user).await?;
    Err(Problem::missing("user_not_found", "No user here is known by a zendeskId"))
}

fn shown(user: &User) -> Value {
    json!({ "user": v2::user(user) })
}
