//! v1.1: the route table.

mod channels;
mod linkrequests;
mod merge;
mod messages;
mod notifications;
mod ping;
mod table;
mod users;
mod webhooks;

use serde::Deserialize;

use super::gate::Access::{App, AppOrUser};
pub(super) use table::Table;

/// The routes of `/v1.1`, and of `/v1` what the vendor's clients still call there.
pub(super) fn table() -> Table {
    Table::at("/v1.1")
        .post("/apps/{app}/notifications", App, notifications::create)
        .post("/apps/{app}/appusers", App, users::create)
        .post("/apps/{app}/appusers/merge", App, merge::create)
        .get("/apps/{app}/appusers/{user}", AppOrUser, users::read)
        .put("/apps/{app}/appusers/{user}", AppOrUser, users::update)
        .delete("/apps/{app}/appusers/{user}/profile", App, users::forget_profile)
        .get("/apps/{app}/appusers/{user}/authcode", App, linkrequests::auth_code)
        .get("/apps/{app}/appusers/{user}/businesssystems", App, channels::business_systems)
        .get("/apps/{app}/appusers/{user}/channels", App, channels::list)
        .post("/apps/{app}/appusers/{user}/channels", App, channels::link)
        .delete("/apps/{app}/appusers/{user}/channels/{channel}", App, channels::unlink)
        .post("/apps/{app}/appusers/{user}/integrations/{integration}/ping", App, ping::create)
        .get("/apps/{app}/appusers/{user}/linkrequest", App, linkrequests::list)
        .get("/apps/{app}/appusers/{user}/messages", App, messages::list)
        .post("/apps/{app}/appusers/{user}/messages", AppOrUser, messages::create)
        .get("/apps/{app}/webhooks", App, webhooks::list)
        .post("/apps/{app}/webhooks", App, webhooks::create)
        .get("/apps/{app}/webhooks/{webhook}", App, webhooks::read)
        .put("/apps/{app}/webhooks/{webhook}", App, webhooks::update)
        .delete("/apps/{app}/webhooks/{webhook}", App, webhooks::delete)
        .then_at("/v1")
        .post("/apps/{app}/notifications", App, notifications::create)
}

/// The user a path names: our id, or the business's own.
#[derive(Debug, Deserialize)]
struct UserPath {
    user: String,
}
