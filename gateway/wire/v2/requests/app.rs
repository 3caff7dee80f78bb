//! Apps and keys: the same fields make one and change one.

use serde_json::{Map, Value};

use crate::model::App;
use crate::wire::Invalid;
use crate::wire::given::{Given, document};
use crate::wire::v1::{SettingsFields, app_metadata};

/// Characters of a name.
const NAME_MAX: usize = 100;

/// `POST /v2/apps` and `PATCH /v2/apps/{app}`: what is unset keeps its value, or gets its default.
#[derive(Debug, Clone, PartialEq)]
pub struct AppFields {
    /// What people call it.
    pub display_name: Option<String>,
    settings: SettingsFields,
    switches: Switches,
    metadata: Option<Map<String, Value>>,
}

/// The switches that v1.1 has not.
#[derive(Debug, Clone, Default, PartialEq)]
struct Switches {
    multi_convo: Option<bool>,
    localization: Option<bool>,
    end_session: Option<bool>,
    no_reopen: Option<bool>,
}

impl AppFields {
    /// Reads a request's body.
    pub fn parse(body: &[u8]) -> Result<AppFields, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        let metadata = match given.object()?.get("metadata") {
            Some(Value::Null) => Some(Map::new()),
            _ => given.optional("metadata", app_metadata)?,
        };
        Ok(AppFields {
            display_name: given.optional("displayName", |name| name.filled_within(NAME_MAX))?,
            settings: given.optional("settings", SettingsFields::read)?.unwrap_or_default(),
            switches: given.optional("settings", Switches::read)?.unwrap_or_default(),
            metadata,
        })
    }

    /// What this makes of an app. Its metadata is replaced as a whole.
    pub fn applied(self, mut app: App) -> Result<App, Invalid> {
        let refuse = |key: &str, message: &str| {
            Err(Invalid { path: format!("settings.{key}"), message: message.to_owned() })
        };
        if app.settings.multi_convo_enabled && self.switches.multi_convo == Some(false) {
            return refuse("multiConvoEnabled", "cannot be switched off again");
        }
        app.name = self.display_name.unwrap_or(app.name);
        app.metadata = self.metadata.unwrap_or(app.metadata);
        let settings = &mut app.settings;
        self.settings.apply(settings);
        let set = |switch: &mut bool, asked: Option<bool>| *switch = asked.unwrap_or(*switch);
        set(&mut settings.multi_convo_enabled, self.switches.multi_convo);
        set(&mut settings.end_session_enabled, self.switches.end_session);
        set(&mut settings.disable_conversation_reopen, self.switches.no_reopen);
        settings.app_localization_enabled = self.switches.localization.or(settings.app_localization_enabled);
        let needs = "needs multiConvoEnabled";
        match settings.multi_convo_enabled {
            false if settings.end_session_enabled => refuse("endSessionEnabled", needs),
            false if settings.disable_conversation_reopen => refuse("disableConversationReopen", needs),
            _ => Ok(app),
        }
    }
}

impl Switches {
    fn read(given: &Given<'_>) -> Result<Switches, Invalid> {
        let flag = |key| given.optional(key, Given::flag);
        Ok(Switches {
            multi_convo: flag("multiConvoEnabled")?,
            localization: flag("appLocalizationEnabled")?,
            end_session: flag("endSessionEnabled")?,
            no_reopen: flag("disableConversationReopen")?,
        })
    }
}

/// `POST …/keys`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayName(pub String);

impl DisplayName {
    /// Reads a request's body.
    pub fn parse(body: &[u8]) -> Result<DisplayName, Invalid> {
        let document = document(body)?;
        let name = Given::root(&document).required("displayName", |name| name.filled_within(NAME_MAX));
        Ok(DisplayName(name?))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Id;

    fn applied(app: &App, body: Value) -> Result<App, String> {
        let fields = AppFields::parse(body.to_string().as_bytes()).map_err(|refused| refused.to_string())?;
        fields.applied(app.clone()).map_err(|refused| refused.to_string())
    }

    #[test]
    fn what_is_unset_keeps_its_value() {
        let app = App::new(Id::new("a"), "Demo");
        let settings = json!({"multiConvoEnabled": true, "useAnimalNames": true, "endSessionEnabled": true});
        let changed = applied(&app, json!({"settings": settings, "metadata": {"a": 1}})).expect("is right");
        assert!(changed.settings.multi_convo_enabled && changed.settings.end_session_enabled);
        assert_eq!(applied(&changed, json!({"settings": {}, "unknown": 1})), Ok(changed.clone()));
        let bare = applied(&changed, json!({"metadata": null, "displayName": "New"})).expect("is right");
        assert_eq!((bare.metadata.len(), bare.name.as_str()), (0, "New"));
    }

    #[test]
    fn several_conversations_cannot_be_taken_back() {
        let app = App::new(Id::new("a"), "Demo");
        let on = applied(&app, json!({"settings": {"multiConvoEnabled": true}})).expect("is right");
        for (app, settings, refused) in [
            (
                &on,
                json!({"multiConvoEnabled": false}),
                "settings.multiConvoEnabled: cannot be switched off again",
            ),
            (&app, json!({"endSessionEnabled": true}), "settings.endSessionEnabled: needs multiConvoEnabled"),
            (
                &app,
                json!({"disableConversationReopen": true}),
                "settings.disableConversationReopen: needs multiConvoEnabled",
            ),
        ] {
            assert_eq!(applied(app, json!({"settings": settings})), Err(refused.to_owned()));
        }
    }
}
