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
use crate::core::NewUser;
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
        external_id: asked.user_id,
        given_name: asked.given_name,
        surname: asked.surname,
        email: asked.email,
        signed_up_at: asked.signed_up_at,
        properties: asked.properties,
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
    Ok(Json(shown(&user)))
}
