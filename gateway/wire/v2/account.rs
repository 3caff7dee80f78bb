//! Apps and their keys.

use serde_json::Value;

use crate::model::{App, Key};
use crate::wire::v1;
use crate::wire::written::Written;

/// An app.
pub fn app(app: &App) -> Value {
    let settings = &app.settings;
    let switches = v1::settings(settings)
        .with("multiConvoEnabled", settings.multi_convo_enabled)
        .with("appLocalizationEnabled", settings.app_localization_enabled.unwrap_or(true))
        .with("endSessionEnabled", settings.end_session_enabled)
        .with("disableConversationReopen", settings.disable_conversation_reopen);
    Written::new()
        .with("id", &app.id)
        .with("displayName", &app.name)
        .with("settings", switches)
        .maybe("metadata", (!app.metadata.is_empty()).then_some(&app.metadata))
        .into()
}

/// A key, its secret included: it is shown whenever the key is.
pub fn key(key: &Key) -> Value {
    Written::new()
        .with("id", &key.id)
        .with("displayName", &key.name)
        .with("secret", key.secret.expose())
        .into()
}
