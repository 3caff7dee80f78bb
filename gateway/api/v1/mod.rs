//! v1.1: the route table.

mod channels;
mod conversation;
mod messages;
mod notifications;
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
        .get("/apps/{app}/appusers/{user}", AppOrUser, users::read)
        .get("/apps/{app}/appusers/{user}/channels", App, channels::list)
        .post("/apps/{app}/appusers/{user}/channels", App, channels::link)
        .delete("/apps/{app}/appusers/{user}/channels/{channel}", App, channels::unlink)
        .get("/apps/{app}/appusers/{user}/conversation", App, conversation::show)
        .post("/apps/{app}/appusers/{user}/conversation/activity", App, conversation::act)
        .post("/apps/{app}/appusers/{user}/conversation/postback", App, conversation::press)
        .post("/apps/{app}/appusers/{user}/conversation/read", App, conversation::read)
        .get("/apps/{app}/appusers/{user}/messages", App, messages::list)
        .post("/apps/{app}/appusers/{user}/messages", AppOrUser, messages::create)
        .delete("/apps/{app}/appusers/{user}/messages", App, messages::delete_all)
        .delete("/apps/{app}/appusers/{user}/messages/{message}", App, messages::delete)
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
