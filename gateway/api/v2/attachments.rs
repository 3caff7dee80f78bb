//! Files that are uploaded before a message names them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::gate::Caller;
use crate::api::problem::Problem;
use crate::api::receive::Asked;
use crate::api::upload::{self, Wanted};
use crate::model::{ConversationKind, Id, Tenant, User};

/// What an upload is for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UploadQuery {
    access: Option<String>,
    #[serde(rename = "for")]
    purpose: Option<String>,
    conversation_id: Option<String>,
}

/// `POST …/attachments`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Asked(query): Asked<UploadQuery>,
    request: Request,
) -> Result<(StatusCode, Json<Value>), Problem> {
    match query.access.as_deref() {
        Some("public") => {}
        Some(_) => return Err(Problem::invalid("access", "must be public")),
        None => return Err(Problem::required("access")),
    }
    if query.purpose.as_deref().is_some_and(|purpose| purpose != "message") {
        return Err(Problem::invalid("for", "must be message"));
    }
    let user = match &query.conversation_id {
        Some(id) => person_in(&api, &tenant, id).await?,
        None => None,
    };
    let wanted = Wanted { app: &tenant.app.id, user, private: false, kinds: "" };
    let form = upload::receive(&api, wanted, request).await?;
    let shown = json!({ "mediaUrl": form.url, "mediaType": form.file.media_type });
    Ok((StatusCode::CREATED, Json(json!({ "attachment": shown }))))
}

/// Whose a conversation is, when it is one person's: the file goes when they are erased.
async fn person_in(api: &Api, tenant: &Tenant, conversation: &str) -> Result<Option<Id<User>>, Problem> {
    let found = api.core.conversation(tenant, conversation).await?.conversation;
    let first = found.participants.into_iter().next().map(|one| one.user);
    Ok(first.filter(|_| found.kind != ConversationKind::SdkGroup))
}
