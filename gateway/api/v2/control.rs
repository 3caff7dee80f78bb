//! Moves of the lead of a conversation: passed, offered, accepted, released.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::api::Api;
use crate::api::auth::{Authority, Principal};
use crate::api::gate::Caller;
use crate::api::once::Marked;
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Named};
use crate::core::{Move, Mover, Turn};
use crate::model::Tenant;
use crate::wire::v2::{ControlNote, ControlTo};

use super::ConversationPath;

/// What comes with every move.
struct Asked<'a> {
    api: &'a Api,
    tenant: &'a Tenant,
    principal: Principal,
    path: ConversationPath,
    marked: Marked,
}

/// `POST …/conversations/{conversation}/passControl`
pub(super) async fn pass(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    principal: Principal,
    Named(path): Named<ConversationPath>,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let ControlTo { to, metadata } = ControlTo::parse(&body)?;
    let asked = Asked { api: &api, tenant: &tenant, principal, path, marked };
    asked.moves(Move::Pass(to), metadata).await
}

/// `POST …/conversations/{conversation}/offerControl`
pub(super) async fn offer(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    principal: Principal,
    Named(path): Named<ConversationPath>,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let ControlTo { to, metadata } = ControlTo::parse(&body)?;
    let asked = Asked { api: &api, tenant: &tenant, principal, path, marked };
    asked.moves(Move::Offer(to), metadata).await
}

/// `POST …/conversations/{conversation}/acceptControl`
pub(super) async fn accept(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    principal: Principal,
    Named(path): Named<ConversationPath>,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let ControlNote { metadata } = ControlNote::parse(&body)?;
    let asked = Asked { api: &api, tenant: &tenant, principal, path, marked };
    asked.moves(Move::Accept, metadata).await
}

/// `POST …/conversations/{conversation}/releaseControl`: with or without a body.
pub(super) async fn release(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    principal: Principal,
    Named(path): Named<ConversationPath>,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let ControlNote { metadata } = ControlNote::parse(&body)?;
    let asked = Asked { api: &api, tenant: &tenant, principal, path, marked };
    asked.moves(Move::Release, metadata).await
}

impl Asked<'_> {
    async fn moves(self, wanted: Move, metadata: Map<String, Value>) -> Result<Json<Value>, Problem> {
        let mover = match self.principal.authority {
            Authority::Integration { integration, .. } => Mover::Integration(integration),
            _ => Mover::Business,
        };
        let once = self.marked.once(StatusCode::OK, |()| json!({}));
        let turn = Turn { mover, wanted, metadata };
        self.api.core.control(self.tenant, &self.path.conversation, turn, once).await?;
        Ok(Json(json!({})))
    }
}
