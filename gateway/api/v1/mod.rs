//! v1.1: the route table. Every route has two shapes: with the app in the path, and with the key's own app.

mod channels;
mod messages;
mod notifications;
mod users;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, delete, get, post};
use serde::Deserialize;

use super::Api;

/// The routes of `/v1.1`, and of `/v1` what the vendor's clients still call there.
pub(super) fn routes() -> Router<Arc<Api>> {
    let table: [(&str, MethodRouter<Arc<Api>>); 8] = [
        ("/notifications", post(notifications::create)),
        ("/appusers", post(users::create)),
        ("/appusers/{user}", get(users::read)),
        ("/appusers/{user}/channels", get(channels::list).post(channels::link)),
        ("/appusers/{user}/channels/{channel}", delete(channels::unlink)),
        ("/appusers/{user}/messages", get(messages::list).post(messages::create)),
        ("/webhooks", get(webhooks::list).post(webhooks::create)),
        ("/webhooks/{webhook}", get(webhooks::read).put(webhooks::update).delete(webhooks::delete)),
    ];
    let mut router = Router::new();
    for (path, methods) in table {
        router = router
            .route(&format!("/v1.1/apps/{{app}}{path}"), methods.clone())
            .route(&format!("/v1.1{path}"), methods);
    }
    router
        .route("/v1/apps/{app}/notifications", post(notifications::create))
        .route("/v1/notifications", post(notifications::create))
}

/// The user a path names: our id, or the business's own.
#[derive(Debug, Deserialize)]
struct UserPath {
    user: String,
}
