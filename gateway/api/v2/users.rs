//! People.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::deep::Deep;
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

/// `GET …/users`: there is no list of everybody.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Deep { filter, .. }: Deep,
) -> Result<Json<Value>, Problem> {
    let Some(email) = filter.get("identities.email").filter(|email| !email.is_empty()) else {
        return Err(Problem::bad_request("Invalid query parameters"));
    };
    let found = api.core.users_by_email(&tenant, email).await?;
    let users: Vec<Value> = found.into_iter().map(|user| v2::user(&tenant.reaching(user))).collect();
    Ok(Json(json!({ "users": users })))
}

/// `GET …/users/{user}`
pub(super) async fn read(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
) -> Result<Json<Value>, Problem> {
    let user = api.core.user(&tenant, &user).await?;
    Ok(Json(shown(&tenant.reaching(user))))
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
    let user = api.core.change_profile(&tenant, &user, &change).await?;
    Ok(Json(shown(&tenant.reaching(user))))
}

/// `DELETE …/users/{user}`: they are gone at once; what is left of them follows.
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
) -> Result<Json<Value>, Problem> {
    api.core.erase_user(&tenant, &user, &|integration| api.channels.get(integration)).await?;
    Ok(Json(json!({})))
}

/// `DELETE …/users/{user}/personalinformation`
pub(super) async fn forget_profile(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
) -> Result<Json<Value>, Problem> {
    let user = api.core.forget_profile(&tenant, &user).await?;
    Ok(Json(shown(&tenant.reaching(user))))
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
