//! What is done in a conversation beside messages.

use heliograph_connectors::channel::Activity;

use crate::model::Role;
use crate::wire::Invalid;
use crate::wire::given::{Given, document};

use super::author::{Speaker, speaker};

/// `POST …/activity`
#[derive(Debug, Clone, PartialEq)]
pub struct PostActivity {
    /// Who does it.
    pub speaker: Speaker,
    /// What.
    pub activity: Activity,
}

impl PostActivity {
    /// Reads a request's body. Of people only reading can be told: whether they type, channels tell.
    pub fn parse(body: &[u8]) -> Result<PostActivity, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        let speaker = given.required("author", speaker)?;
        let kinds = ["conversation:read", "typing:start", "typing:stop"];
        let activity = match given.required("type", |kind| kind.word(&kinds))? {
            "typing:start" => Activity::TypingStarted,
            "typing:stop" => Activity::TypingStopped,
            _ => Activity::Read,
        };
        if speaker.author.role == Role::User && activity != Activity::Read {
            return Err(given.refuse_member("type", "must be conversation:read when the author is a user"));
        }
        Ok(PostActivity { speaker, activity })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn people_can_only_have_read() {
        let read = |author: Value, kind: &str| {
            let read = PostActivity::parse(json!({"author": author, "type": kind}).to_string().as_bytes());
            read.map(|read| read.activity).map_err(|refused| refused.path)
        };
        let (business, ada) = (json!({"type": "business"}), json!({"type": "user", "userId": "ada"}));
        assert_eq!(read(business.clone(), "typing:start"), Ok(Activity::TypingStarted));
        assert_eq!(read(business.clone(), "typing:stop"), Ok(Activity::TypingStopped));
        assert_eq!(read(business.clone(), "conversation:read"), Ok(Activity::Read));
        assert_eq!(read(ada.clone(), "conversation:read"), Ok(Activity::Read));
        assert_eq!(read(ada, "typing:start"), Err("type".into()));
        assert_eq!(read(business, "read"), Err("type".into()));
        assert_eq!(read(json!({"type": "user"}), "conversation:read"), Err("author.userId".into()));
        assert_eq!(read(json!({"type": "bot"}), "conversation:read"), Err("author.type".into()));
    }
}
