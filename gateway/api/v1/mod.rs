//! v1.1: the route table.

mod apps;
mod attachments;
mod business_profile;
mod channels;
mod conversation;
mod deployments;
mod erasure;
mod images;
mod integrations;
mod keys;
mod linkrequests;
mod menus;
mod merge;
mod message_templates;
mod messages;
mod notifications;
mod ping;
mod service_accounts;
mod templates;
mod users;
mod webhooks;

use serde::Deserialize;

use super::gate::Access::{Account, AccountOrApp, App, AppOrUser};
use super::table::{Shapes, Table};

// It is the same in both versions.
pub(super) use attachments::remove as remove_attachment;

/// The routes of `/v1.1`, and of `/v1` what the vendor's clients still call there.
pub(super) fn table() -> Table {
    let table = apps_and_keys(Table::at("/v1.1", Shapes::Both));
    let table = outlets(people(table));
    table.then_at("/v1").post("/apps/{app}/notifications", App, notifications::create)
}

fn apps_and_keys(table: Table) -> Table {
    table
        .post("/apps", Account, apps::create)
        .get("/apps", Account, apps::list)
        .get("/apps/{app}", AccountOrApp, apps::read)
        .put("/apps/{app}", AccountOrApp, apps::update)
        .delete("/apps/{app}", Account, apps::delete)
        .get("/apps/{app}/sdks", App, apps::sdks)
        .post("/apps/{app}/keys", Account, keys::create)
        .get("/apps/{app}/keys", Account, keys::list)
        .get("/apps/{app}/keys/{key}", Account, keys::read)
        .delete("/apps/{app}/keys/{key}", Account, keys::delete)
        .get("/apps/{app}/keys/{key}/jwt", Account, keys::token)
        .post("/serviceaccounts", Account, service_accounts::create)
        .get("/serviceaccounts", Account, service_accounts::list)
        .get("/serviceaccounts/{account}", Account, service_accounts::read)
        .put("/serviceaccounts/{account}", Account, service_accounts::update)
        .delete("/serviceaccounts/{account}", Account, service_accounts::delete)
        .post("/serviceaccounts/{account}/keys", Account, keys::create)
        .get("/serviceaccounts/{account}/keys", Account, keys::list)
        .get("/serviceaccounts/{account}/keys/{key}", Account, keys::read)
        .delete("/serviceaccounts/{account}/keys/{key}", Account, keys::delete)
        .get("/serviceaccounts/{account}/keys/{key}/jwt", Account, keys::token)
}

fn people(table: Table) -> Table {
    table
        .post("/apps/{app}/notifications", App, notifications::create)
        .post("/apps/{app}/appusers", App, users::create)
        .post("/apps/{app}/appusers/merge", App, merge::create)
        .get("/apps/{app}/appusers/{user}", AppOrUser, users::read)
        .put("/apps/{app}/appusers/{user}", AppOrUser, users::update)
        .delete("/apps/{app}/appusers/{user}", App, erasure::delete)
        .delete("/apps/{app}/appusers/{user}/profile", App, users::forget_profile)
        .get("/apps/{app}/appusers/{user}/authcode", App, linkrequests::auth_code)
        .get("/apps/{app}/appusers/{user}/businesssystems", App, channels::business_systems)
        .get("/apps/{app}/appusers/{user}/channels", App, channels::list)
        .post("/apps/{app}/appusers/{user}/channels", App, channels::link)
        .delete("/apps/{app}/appusers/{user}/channels/{channel}", App, channels::unlink)
        .post("/apps/{app}/appusers/{user}/integrations/{integration}/ping", App, ping::create)
        .get("/apps/{app}/appusers/{user}/linkrequest", App, linkrequests::list)
        .get("/apps/{app}/appusers/{user}/conversation", App, conversation::show)
        .post("/apps/{app}/appusers/{user}/conversation/activity", App, conversation::act)
        .post("/apps/{app}/appusers/{user}/conversation/postback", App, conversation::press)
        .post("/apps/{app}/appusers/{user}/conversation/read", App, conversation::read)
        .post("/apps/{app}/appusers/{user}/images", App, images::create)
        .get("/apps/{app}/appusers/{user}/messages", App, messages::list)
        .post("/apps/{app}/appusers/{user}/messages", AppOrUser, messages::create)
        .delete("/apps/{app}/appusers/{user}/messages", App, messages::delete_all)
        .delete("/apps/{app}/appusers/{user}/messages/{message}", App, messages::delete)
}

fn outlets(table: Table) -> Table {
    table
        .post("/apps/{app}/attachments", App, attachments::create)
        .post("/apps/{app}/attachments/remove", App, attachments::remove)
        .get("/apps/{app}/attachments/token", App, attachments::token_of)
        .post("/apps/{app}/attachments/token", App, attachments::token)
        .get("/apps/{app}/integrations/{integration}/messageTemplates", App, message_templates::list)
        .post("/apps/{app}/integrations/{integration}/messageTemplates", App, message_templates::create)
        .delete(
            "/apps/{app}/integrations/{integration}/messageTemplates/{name}",
            App,
            message_templates::delete,
        )
        .get("/apps/{app}/templates", App, templates::list)
        .post("/apps/{app}/templates", App, templates::create)
        .get("/apps/{app}/templates/{template}", App, templates::read)
        .put("/apps/{app}/templates/{template}", App, templates::update)
        .delete("/apps/{app}/templates/{template}", App, templates::delete)
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
}

/// The user a path names: our id, or the business's own.
#[derive(Debug, Deserialize)]
struct UserPath {
    user: String,
}
