//! v1.1: the route table.

mod business_profile;
mod channels;
mod deployments;
mod integrations;
mod menus;
mod messages;
mod notifications;
mod table;
mod users;
mod webhooks;

use serde::Deserialize;

use super::gate::Access::{Account, App, AppOrUser};
pub(super) use table::Table;

/// The routes of `/v1.1`, and of `/v1` what the vendor's clients still call there.
pub(super) fn table() -> Table {
    Table::at("/v1.1")
        .post("/apps/{app}/notifications", App, notifications::create)
        .post("/apps/{app}/appusers", App, users::create)
        .get("/apps/{app}/appusers/{user}", AppOrUser, users::read)
        .get("/apps/{app}/appusers/{user}/channels", App, channels::list)
        .post("/apps/{app}/appusers/{user}/channels", App, channels::link)
        .delete("/apps/{app}/appusers/{user}/channels/{channel}", App, channels::unlink)
        .get("/apps/{app}/appusers/{user}/messages", App, messages::list)
        .post("/apps/{app}/appusers/{user}/messages", AppOrUser, messages::create)
        .get("/apps/{app}/integrations", App, integrations::list)
        .post("/apps/{app}/integrations", App, integrations::create)
        .get("/apps/{app}/integrations/{integration}", App, integrations::read)
        .put("/apps/{app}/integrations/{integration}", App, integrations::update)
        .delete("/apps/{app}/integrations/{integration}", App, integrations::delete)
        .get("/apps/{app}/integrations/{integration}/menu", App, menus::read)
        .post("/apps/{app}/integrations/{integration}/menu", App, menus::create)
        .put("/apps/{app}/integrations/{integration}/menu", App, menus::update)
        .delete("/apps/{app}/integrations/{integration}/menu", App, menus::delete)
        .get("/apps/{app}/integrations/{integration}/profile", App, business_profile::read)
        .put("/apps/{app}/integrations/{integration}/profile", App, business_profile::update)
        .put("/apps/{app}/integrations/{integration}/profile/photo", App, business_profile::set_photo)
        .get("/apps/{app}/menu", App, menus::read_of_app)
        .put("/apps/{app}/menu", App, menus::update_of_app)
        .delete("/apps/{app}/menu", App, menus::delete_of_app)
        .get("/apps/{app}/webhooks", App, webhooks::list)
        .post("/apps/{app}/webhooks", App, webhooks::create)
        .get("/apps/{app}/webhooks/{webhook}", App, webhooks::read)
        .put("/apps/{app}/webhooks/{webhook}", App, webhooks::update)
        .delete("/apps/{app}/webhooks/{webhook}", App, webhooks::delete)
        .get("/whatsapp/deployments", Account, deployments::list)
        .post("/whatsapp/deployments", Account, deployments::create)
        .get("/whatsapp/deployments/{deployment}", Account, deployments::read)
        .delete("/whatsapp/deployments/{deployment}", Account, deployments::delete)
        .post("/whatsapp/deployments/{deployment}/activate", Account, deployments::verify)
        .post("/whatsapp/deployments/{deployment}/code/confirm", Account, deployments::verify)
        .then_at("/v1")
        .post("/apps/{app}/notifications", App, notifications::create)
}

/// The user a path names: our id, or the business's own.
#[derive(Debug, Deserialize)]
struct UserPath {
    user: String,
}
