//! What stands above conversations: apps, service accounts, and the keys of both.

use serde_json::Value;

use crate::model::{App, AppSettings, Key, ServiceAccount};
use crate::wire::written::Written;

/// An app. Without its `appToken`, which only the platform's first clients used.
pub fn app(app: &App) -> Value {
    Written::new()
        .with("_id", &app.id)
        .with("name", &app.name)
        .with("settings", settings(&app.settings))
        .with("metadata", &app.metadata)
        .into()
}

/// An app's switches.
pub(in crate::wire) fn settings(settings: &AppSettings) -> Written {
    Written::new()
        .with("maskCreditCardNumbers", settings.mask_credit_card_numbers.unwrap_or(true))
        .with("useAnimalNames", settings.use_animal_names)
        .maybe("conversationRetentionSeconds", settings.conversation_retention_seconds)
        .with("echoPostback", settings.echo_postback)
        .with("ignoreAutoConversationStart", settings.ignore_auto_conversation_start)
}

/// A key, its secret included: it is shown whenever the key is.
pub fn key(key: &Key) -> Value {
    Written::new().with("_id", &key.id).with("name", &key.name).with("secret", key.secret.expose()).into()
}

/// A service account.
pub fn service_account(account: &ServiceAccount) -> Value {
    Written::new().with("_id", &account.id).with("name", &account.name).into()
}
