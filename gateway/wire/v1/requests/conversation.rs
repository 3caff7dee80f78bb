//! What is done in a conversation beside messages.

use heliograph_connectors::channel::Activity;

use crate::wire::Invalid;
use crate::wire::given::{Given, document};

use super::message::LABEL_MAX;

/// `POST …/appusers/{id}/conversation/activity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConversationActivity {
    /// What the business does.
    pub activity: Activity,
}

impl ConversationActivity {
    /// Reads a request's body. Of people's own activities channels tell.
    pub fn parse(body: &[u8]) -> Result<ConversationActivity, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        given.required("role", |role| role.word(&["appMaker"]))?;
        let kinds = ["typing:start", "typing:stop", "conversation:read"];
        let activity = match given.required("type", |kind| kind.word(&kinds))? {
            "typing:start" => Activity::TypingStarted,
            "typing:stop" => Activity::TypingStopped,
            _ => Activity::Read,
        };
        given.optional("name", |name| name.text_within(LABEL_MAX))?;
        given.optional("avatarUrl", Given::web_url)?;
        Ok(ConversationActivity { activity })
    }
}

/// `POST …/appusers/{id}/conversation/postback`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostPostback {
    /// The button's id.
    pub action: String,
}

impl PostPostback {
    /// Reads a request's body.
    pub fn parse(body: &[u8]) -> Result<PostPostback, Invalid> {
        let document = document(body)?;
        let action = Given::root(&document).required("actionId", |id| id.filled_within(LABEL_MAX))?;
        Ok(PostPostback { action })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn activity(body: Value) -> Result<Activity, String> {
        let read = ConversationActivity::parse(body.to_string().as_bytes());
        read.map(|read| read.activity).map_err(|refused| refused.path)
    }

    #[test]
    fn activities_are_the_businesss() {
        let typed = json!({"role": "appMaker", "type": "typing:start", "name": "Ada", "avatarUrl": null});
        assert_eq!(activity(typed), Ok(Activity::TypingStarted));
        assert_eq!(activity(json!({"role": "appMaker", "type": "typing:stop"})), Ok(Activity::TypingStopped));
        assert_eq!(activity(json!({"role": "appMaker", "type": "conversation:read"})), Ok(Activity::Read));
        assert_eq!(activity(json!({"role": "appUser", "type": "typing:start"})), Err("role".into()));
        assert_eq!(activity(json!({"role": "appMaker", "type": "typing"})), Err("type".into()));
        assert_eq!(activity(json!({"role": "appMaker"})), Err("type".into()));
    }

    #[test]
    fn a_postback_names_a_button() {
        assert_eq!(PostPostback::parse(br#"{"actionId": "a"}"#), Ok(PostPostback { action: "a".into() }));
        for body in ["", "{}", r#"{"actionId": ""}"#, r#"{"actionId": 1}"#] {
            assert_eq!(PostPostback::parse(body.as_bytes()).expect_err("a refusal").path, "actionId");
        }
    }
}
