//! Files that are uploaded before a message names them.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::gate::Caller;
use crate::api::once::Marked;
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Asked};
use crate::api::upload::{self, Wanted};
use crate::model::{MediaFile, Tenant};
use crate::wire::v1::AttachmentAddress;

/// How long a token shows a private file.
const TOKEN_TIME: Duration = Duration::from_secs(60 * 60);

/// What an upload is for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UploadQuery {
    access: Option<String>,
    #[serde(rename = "for")]
    purpose: Option<String>,
    app_user_id: Option<String>,
    user_id: Option<String>,
}

/// Which file is meant.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileQuery {
    media_url: Option<String>,
}

/// `POST /attachments`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Asked(query): Asked<UploadQuery>,
    request: Request,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let private = match query.access.as_deref() {
        Some("public") => false,
        Some("private") => true,
        Some(_) => return Err(Problem::invalid("access", "must be public or private")),
        None => return Err(Problem::required("access")),
    };
    if query.purpose.as_deref().is_some_and(|purpose| purpose != "message") {
        return Err(Problem::invalid("for", "must be message"));
    }
    let user = match query.app_user_id.as_deref().or(query.user_id.as_deref()) {
        Some(user) => Some(api.core.user(&tenant, user).await?.id),
        None => None,
    };
    let wanted = Wanted { app: &tenant.app.id, user, private, kinds: "" };
    let form = upload::receive(&api, wanted, request).await?;
    Ok((StatusCode::CREATED, Json(json!({ "mediaUrl": form.url, "mediaType": form.file.media_type }))))
}

/// `POST /attachments/remove`
pub(in crate::api) async fn remove(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let url = AttachmentAddress::parse(&body)?.media_url;
    if !api.core.is_media_of(&tenant.app.id, &url) {
        let description = format!("Unsupported media URL for attachment deletion: {url}");
        return Err(Problem::bad_request(description));
    }
    let file = found(&api, &tenant, &url).await?;
    let once = marked.once(StatusCode::OK, |()| json!({}));
    api.media.discard_once(&api.core, &tenant.app.id, &file, once).await?;
    Ok(Json(json!({})))
}

/// `POST /attachments/token`
pub(super) async fn token(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let url = AttachmentAddress::parse(&body)?.media_url;
    tokened(&api, &tenant, &url).await
}

/// `GET /attachments/token?mediaUrl=…`
pub(super) async fn token_of(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Asked(query): Asked<FileQuery>,
) -> Result<Json<Value>, Problem> {
    let url = query.media_url.ok_or_else(|| Problem::required("mediaUrl"))?;
    tokened(&api, &tenant, &url).await
}

/// A file's token, and its address with it. A public file needs none, and has none.
async fn tokened(api: &Api, tenant: &Tenant, url: &str) -> Result<Json<Value>, Problem> {
    let file = found(api, tenant, url).await?;
    let url = url.split(['?', '#']).next().unwrap_or(url);
    match file.token(&tenant.app.id, api.core.now() + TOKEN_TIME) {
        Some(token) => Ok(Json(json!({ "mediaUrl": format!("{url}?token={token}"), "token": token }))),
        None => Ok(Json(json!({ "mediaUrl": url }))),
    }
}

async fn found(api: &Api, tenant: &Tenant, url: &str) -> Result<MediaFile, Problem> {
    let file = api.core.media_at(&tenant.app.id, url).await?;
    file.ok_or_else(|| Problem::missing("not_found", "Attachment not found"))
}
