//! Files that came with messages.

use heliograph_connectors::channel::signature::sha256;
use serde::{Deserialize, Serialize};

use super::{Id, Integration, Timestamp};

/// A file that a person sent, as far as it is known before it is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MediaFile {
    /// 32 hex digits that nobody can guess: who knows them may see the file.
    pub id: Id<MediaFile>,
    /// The integration it came through.
    pub integration: Id<Integration>,
    /// The provider's name for it; `None` when it came with the hook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// Its type, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// When we heard of it.
    pub created: Timestamp,
}

impl MediaFile {
    /// The id of a file that came with a hook: the same when the provider tells it again, and not to be guessed
    /// by anyone who does not have the file.
    pub fn enclosed_id(integration: &Id<Integration>, message: &str, bytes: &[u8]) -> Id<MediaFile> {
        let hash = sha256(&[integration.as_str().as_bytes(), message.as_bytes(), &sha256(bytes)].concat());
        Id::new(hex::encode(&hash[..16]))
    }

    /// The last word of its address: nothing depends on it but what people see.
    pub fn shown_name(&self) -> String {
        let subtype = self.media_type.as_deref().and_then(|kind| kind.split('/').nth(1)).unwrap_or_default();
        let ending: String =
            subtype.chars().take_while(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        if (2..=5).contains(&ending.len()) { format!("file.{ending}") } else { "file".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_as_types_do() {
        let named = |kind: &str| {
            let media_type = Some(kind.to_owned());
            let (id, integration) = (Id::new("f"), Id::new("i"));
            MediaFile { id, integration, held: None, media_type, created: Timestamp::from_millis(0) }
                .shown_name()
        };
        assert_eq!(named("image/jpeg"), "file.jpeg");
        assert_eq!(named("audio/ogg; codecs=opus"), "file.ogg");
        assert_eq!(named("application/vnd.openxmlformats"), "file.vnd");
        assert_eq!(named("x"), "file");
    }

    #[test]
    fn an_enclosed_file_has_one_id_per_message() {
        let id = |message, bytes| MediaFile::enclosed_id(&Id::new("i"), message, bytes);
        assert_eq!(id("m", b"a"), id("m", b"a"));
        assert_ne!(id("m", b"a"), id("m", b"b"));
        assert_ne!(id("m", b"a"), id("n", b"a"));
    }
}
