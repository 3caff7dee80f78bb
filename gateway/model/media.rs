//! Files: those that people sent, and those that were uploaded.

use heliograph_connectors::channel::signature::sha256;
use serde::{Deserialize, Serialize};

use super::{Id, Integration, Timestamp, User};

/// A file, as far as it is known before it is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MediaFile {
    /// 32 hex digits that nobody can guess: who knows them may see the file.
    pub id: Id<MediaFile>,
    /// The integration it came through; `None` when it was uploaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration: Option<Id<Integration>>,
    /// The provider's name for it; `None` when it came with the hook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// Its type, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// When we heard of it.
    pub created: Timestamp,
    /// Whose it is: it goes when they go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Id<User>>,
    /// The SHA-256 of its bytes in hexadecimal, once they are here: files of the same bytes share them. What came
    /// before files were known by their bytes has none, and lies under its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// How many bytes it has, once they are here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Whether its address alone does not show it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
}

impl MediaFile {
    /// A file of nobody's, of which nothing is known yet.
    pub fn new(id: Id<MediaFile>, created: Timestamp) -> MediaFile {
        MediaFile {
            id,
            integration: None,
            held: None,
            media_type: None,
            created,
            user: None,
            digest: None,
            size: None,
            private: false,
        }
    }

    /// The id of a file that came with a hook: the same when the provider tells it again, and not to be guessed
    /// by anyone who does not have the file.
    pub fn enclosed_id(integration: &Id<Integration>, message: &str, bytes: &[u8]) -> Id<MediaFile> {
        let hash = sha256(&[integration.as_str().as_bytes(), message.as_bytes(), &sha256(bytes)].concat());
        Id::new(hex::encode(&hash[..16]))
    }

    /// The last word of its address: nothing depends on it but what people see. `called` is what its sender calls
    /// it, where that is known.
    pub fn shown_name(&self, called: Option<&str>) -> String {
        if let Some(called) = called.map(plain).filter(|name| name.contains('.')) {
            return called;
        }
        let subtype = self.media_type.as_deref().and_then(|kind| kind.split('/').nth(1)).unwrap_or_default();
        let ending: String =
            subtype.chars().take_while(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        if (2..=5).contains(&ending.len()) { format!("file.{ending}") } else { "file".to_owned() }
    }
}

/// The end of a path or address, in characters that need no escape.
fn plain(name: &str) -> String {
    let name = name.split(['?', '#']).next().unwrap_or_default();
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' };
    let name: Vec<char> = name.chars().map(plain).collect();
    let name: String = name[name.len().saturating_sub(64)..].iter().collect();
    name.trim_start_matches(['.', '-']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_as_types_do() {
        let named = |kind: &str| {
            let file = MediaFile::new(Id::new("f"), Timestamp::from_millis(0));
            MediaFile { media_type: Some(kind.to_owned()), ..file }.shown_name(None)
        };
        assert_eq!(named("image/jpeg"), "file.jpeg");
        assert_eq!(named("audio/ogg; codecs=opus"), "file.ogg");
        assert_eq!(named("application/vnd.openxmlformats"), "file.vnd");
        assert_eq!(named("x"), "file");
    }

    #[test]
    fn what_was_kept_before_files_had_owners_is_read() {
        let old = r#"{"id":"f","integration":"i","held":"x","mediaType":"image/png","created":7}"#;
        let file: MediaFile = serde_json::from_str(old).expect("a file");
        assert_eq!((file.integration, file.held.as_deref()), (Some(Id::new("i")), Some("x")));
        assert_eq!((file.user, file.digest, file.size, file.private), (None, None, None, false));
    }

    #[test]
    fn a_senders_name_is_made_harmless() {
        for (given, shown) in [
            ("bill.pdf", "bill.pdf"),
            ("https://cdn.example.com/v/photo.jpg?oh=1", "photo.jpg"),
            ("../../été\r\n 1.png", "t----1.png"),
            ("1234/Über uns.docx", "ber-uns.docx"),
        ] {
            assert_eq!(plain(given), shown, "{given}");
        }
        assert!(plain(&"x".repeat(500)).len() <= 64);
    }

    #[test]
    fn an_enclosed_file_has_one_id_per_message() {
        let id = |message, bytes| MediaFile::enclosed_id(&Id::new("i"), message, bytes);
        assert_eq!(id("m", b"a"), id("m", b"a"));
        assert_ne!(id("m", b"a"), id("m", b"b"));
        assert_ne!(id("m", b"a"), id("n", b"a"));
    }
}
