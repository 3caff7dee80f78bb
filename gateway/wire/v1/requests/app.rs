//! Apps: the same fields make one and change one.

use serde_json::{Map, Value};

use crate::model::{App, AppSettings, Timestamp};
use crate::wire::Invalid;
use crate::wire::given::{Given, document};

use super::named::NAME_MAX;

/// Seconds that messages may be kept: a good hundred years, after which the calendar is what ends.
const RETENTION_MAX: i64 = u32::MAX as i64;

/// `POST /apps` and `PUT /apps/{app}`: what is unset keeps its value, or gets its default.
#[derive(Debug, Clone, PartialEq)]
pub struct AppFields {
    /// What people call it.
    pub name: Option<String>,
    settings: SettingsFields,
    metadata: Option<Map<String, Value>>,
}

/// Switches that are given; the others keep their value.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::wire) struct SettingsFields {
    mask_credit_card_numbers: Option<bool>,
    use_animal_names: Option<bool>,
    echo_postback: Option<bool>,
    ignore_auto_conversation_start: Option<bool>,
    /// Given, and possibly as none.
    conversation_retention_seconds: Option<Option<u64>>,
}

impl AppFields {
    /// Reads a request's body.
    pub fn parse(body: &[u8], _now: Timestamp) -> Result<AppFields, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        Ok(AppFields {
            name: given.optional("name", |name| name.filled_within(NAME_MAX))?,
            settings: given.optional("settings", SettingsFields::read)?.unwrap_or_default(),
            metadata: given.optional("metadata", metadata)?,
        })
    }

    /// Gives an app what was asked for. Its metadata is replaced as a whole.
    pub fn apply(self, app: &mut App) {
        app.name = self.name.unwrap_or_else(|| app.name.clone());
        app.metadata = self.metadata.unwrap_or_else(|| app.metadata.clone());
        self.settings.apply(&mut app.settings);
    }
}

impl SettingsFields {
    pub(in crate::wire) fn read(given: &Given<'_>) -> Result<SettingsFields, Invalid> {
        let flag = |key| given.optional(key, Given::flag);
        Ok(SettingsFields {
            mask_credit_card_numbers: flag("maskCreditCardNumbers")?,
            use_animal_names: flag("useAnimalNames")?,
            echo_postback: flag("echoPostback")?,
            ignore_auto_conversation_start: flag("ignoreAutoConversationStart")?,
            conversation_retention_seconds: retention(given, "conversationRetentionSeconds")?,
        })
    }

    pub(in crate::wire) fn apply(self, settings: &mut AppSettings) {
        let set = |switch: &mut bool, asked: Option<bool>| *switch = asked.unwrap_or(*switch);
        set(&mut settings.use_animal_names, self.use_animal_names);
        set(&mut settings.echo_postback, self.echo_postback);
        set(&mut settings.ignore_auto_conversation_start, self.ignore_auto_conversation_start);
        let mask = &mut settings.mask_credit_card_numbers;
        *mask = self.mask_credit_card_numbers.or(*mask);
        let kept = &mut settings.conversation_retention_seconds;
        *kept = self.conversation_retention_seconds.unwrap_or(*kept);
    }
}

/// Here `null` is not the same as absent, and means what zero means: for ever.
fn retention(given: &Given<'_>, key: &str) -> Result<Option<Option<u64>>, Invalid> {
    if given.object()?.get(key).is_some_and(Value::is_null) {
        return Ok(Some(None));
    }
    given.optional(key, |seconds| {
        let number = seconds.integer()?;
        if !(0..=RETENTION_MAX).contains(&number) {
            return Err(seconds.refuse(format!("must lie between 0 and {RETENTION_MAX}")));
        }
        Ok(Some(number.unsigned_abs()).filter(|number| *number > 0))
    })
}

/// What an app's makers note about it.
pub(in crate::wire) fn metadata(given: &Given<'_>) -> Result<Map<String, Value>, Invalid> {
    given.object()?;
    given.facts().map_err(|refused| {
        // An object is refused for one of its members, or as a whole for its size.
        let is_too_big = refused.path == "metadata";
        if is_too_big { given.refuse("App metadata is limited to 4096 bytes in size.") } else { refused }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Id;
    use serde_json::json;

    const NOW: Timestamp = Timestamp::from_millis(0);

    fn refused(body: Value) -> String {
        let parsed = AppFields::parse(body.to_string().as_bytes(), NOW);
        parsed.expect_err("it is refused").to_string()
    }

    fn changed(app: &mut App, body: Value) {
        AppFields::parse(body.to_string().as_bytes(), NOW).expect("it is taken").apply(app);
    }

    #[test]
    fn what_is_unset_keeps_its_value() {
        let mut app = App::new(Id::new("a"), "Demo");
        let first = json!({
            "settings": { "echoPostback": true, "maskCreditCardNumbers": false, "conversationRetentionSeconds": 60 },
            "metadata": { "tier": 1 },
        });
        changed(&mut app, first);
        let before = app.clone();
        changed(&mut app, json!({ "unknown": 1, "name": null, "settings": {} }));
        assert_eq!(app, before);
        changed(&mut app, json!({ "name": "New", "settings": { "useAnimalNames": true }, "metadata": {} }));
        assert_eq!((app.name.as_str(), app.metadata.is_empty()), ("New", true));
        let expected = AppSettings { use_animal_names: true, ..before.settings };
        assert_eq!(app.settings, expected);
    }

    #[test]
    fn messages_are_kept_for_ever_by_nothing_or_zero() {
        for (seconds, expected) in [(json!(null), None), (json!(0), None), (json!(5), Some(5))] {
            let mut app = App::new(Id::new("a"), "Demo");
            app.settings.conversation_retention_seconds = Some(60);
            changed(&mut app, json!({ "settings": { "conversationRetentionSeconds": seconds } }));
            assert_eq!(app.settings.conversation_retention_seconds, expected, "{seconds}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(refused(json!({ "name": "" })).starts_with("name: "));
        assert!(refused(json!({ "name": "x".repeat(129) })).starts_with("name: "));
        assert!(refused(json!({ "settings": [] })).starts_with("settings: "));
        let odd = refused(json!({ "settings": { "echoPostback": "yes" } }));
        assert!(odd.starts_with("settings.echoPostback: "), "{odd}");
        for seconds in [json!(-1), json!(1.5), json!("1"), json!(u64::MAX)] {
            let odd = refused(json!({ "settings": { "conversationRetentionSeconds": seconds } }));
            assert!(odd.starts_with("settings.conversationRetentionSeconds: "), "{odd}");
        }
        assert_eq!(refused(json!({ "metadata": 5 })), "metadata: must be an object");
        assert!(refused(json!({ "metadata": { "a": [] } })).starts_with("metadata.a: "));
        let big = refused(json!({ "metadata": { "a": "x".repeat(4096) } }));
        assert_eq!(big, "metadata: App metadata is limited to 4096 bytes in size.");
    }
}
