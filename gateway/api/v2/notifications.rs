//! Notifications: a message to an address, outside any conversation. v2 has none; these are v1.1's in its shapes.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};

use crate::api::gate::Caller;
use crate::api::once::Marked;
use crate::api::problem::Problem;
use crate::api::receive::ApiBody;
use crate::api::{Api, approved, route};
use crate::core::{CoreError, Notify, Thing};
use crate::model::{Delivery, Id};
use crate::wire::v2;

/// `POST /notifications`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let mut asked = v2::NewNotification::parse(&body, api.core.now())?;
    let integration =
        tenant.integration(&asked.integration).ok_or(CoreError::NotFound(Thing::Integration))?;
    let channel = api.live(integration)?;
    let body = asked.body_for(&integration.kind);
    let notify = Notify {
        destination: asked.destination,
        author: asked.author,
        body,
        priority: asked.when.priority,
        not_before: asked.when.not_before,
        expires_at: asked.when.expires_at,
    };
    api.intake.admission.send(&api.core, &tenant).await?;
    let route = route(&tenant, integration, &*channel);
    approved::learn(&api, route, &notify.body).await?;
    let once = marked.once(StatusCode::CREATED, shown);
    let id = api.core.notify(route, notify, once).await?;
    Ok((StatusCode::CREATED, Json(shown(&id))))
}

fn shown(id: &Id<Delivery>) -> Value {
    json!({ "notification": { "id": id.as_str() } })
}
