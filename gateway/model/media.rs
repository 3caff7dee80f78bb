//! Files: those that people sent, and those that were uploaded.

use heliograph_connectors::channel::signature::{hmac_sha256, prove, sha256};
use serde::{Deserialize, Serialize};

use super::{App, Id, Integration, Timestamp, User};

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
    /// What tokens that show it are signed with, when its address alone does not. Whoever reads the store could read
    /// the file as well, so this needs no further key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Bytes as they were put down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Where they are.
    pub place: String,
    /// Their SHA-256, in hexadecimal.
    pub digest: String,
    /// How many they are.
    pub size: u64,
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
            key: None,
        }
    }

    /// Whether its address alone does not show it.
    pub fn is_private(&self) -> bool {
        self.key.is_some()
    }

    /// What shows it until a moment; `None` when nothing is needed.
    pub fn token(&self, app: &Id<App>, until: Timestamp) -> Option<String> {
        let key = self.key.as_deref()?;
        let until = until.millis() / 1000;
        Some(format!("{until}.{}", hex::encode(self.signed(key, app, until))))
    }

    /// Whether a token shows it now.
    pub fn is_shown_by(&self, app: &Id<App>, token: &str, now: Timestamp) -> bool {
        let Some(key) = &self.key else { return true };
        let Some((until, signature)) = token.split_once('.') else { return false };
        let (Ok(until), Ok(signature)) = (until.parse::<i64>(), hex::decode(signature)) else { return false };
        prove(&self.signed(key, app, until), &signature).is_ok() && now.millis() / 1000 < until
    }

    fn signed(&self, key: &str, app: &Id<App>, until: i64) -> Vec<u8> {
        hmac_sha256(key.as_bytes(), format!("/media/{app}/{}\n{until}", self.id).as_bytes())
    }

    /// The file at an address of ours below this one: its app and its id.
    pub fn at(url: &str, public_base: &str) -> Option<(Id<App>, Id<MediaFile>)> {
        let path = url.strip_prefix(public_base)?.strip_prefix("/media/")?;
        let mut parts = path.split(['?', '#']).next()?.split('/');
        let (app, id, name) = (parts.next()?, parts.next()?, parts.next()?);
        let is_file = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_whole = !name.is_empty() && parts.next().is_none();
        (is_file && is_whole).then(|| (Id::new(app), Id::new(id)))
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
        assert_eq!((file.user, file.digest, file.size, file.key), (None, None, None, None));
    }

    #[test]
    fn a_token_shows_one_file_for_a_while() {
        let at = Timestamp::from_millis;
        let app = Id::new("5963");
        let private =
            |id: &str| MediaFile { key: Some("fake-key".into()), ..MediaFile::new(Id::new(id), at(0)) };
        let file = private("f");
        let token = file.token(&app, at(5_000)).expect("a token");
        assert!(file.is_shown_by(&app, &token, at(4_999)));
        assert!(!file.is_shown_by(&app, &token, at(5_000)), "its time is over");
        assert!(!private("g").is_shown_by(&app, &token, at(0)), "another file");
        assert!(!file.is_shown_by(&Id::new("5964"), &token, at(0)), "another app");
        let later = token.replacen('5', "9", 1);
        for odd in ["", ".", "5", "5.zz", later.as_str()] {
            assert!(!file.is_shown_by(&app, odd, at(0)), "{odd}");
        }
        let open = MediaFile::new(Id::new("f"), at(0));
        assert!(open.token(&app, at(5_000)).is_none() && open.is_shown_by(&app, "", at(0)));
    }

    #[test]
    fn only_addresses_of_ours_are_files_of_ours() {
        let id = "0123456789abcdef0123456789abcdef";
        let at =
            |url: &str| MediaFile::at(url, "https://hub.example.org").map(|(app, id)| format!("{app} {id}"));
        let found = Some(format!("5963 {id}"));
        assert_eq!(at(&format!("https://hub.example.org/media/5963/{id}/a.png")), found);
        assert_eq!(at(&format!("https://hub.example.org/media/5963/{id}/a.png?token=1.ab")), found);
        for odd in [
            format!("https://other.example.org/media/5963/{id}/a.png"),
            format!("https://hub.example.org/media/5963/{id}"),
            format!("https://hub.example.org/media/5963/{id}/a/b"),
            "https://hub.example.org/media/5963/short/a.png".to_owned(),
            String::new(),
        ] {
            assert_eq!(at(&odd), None, "{odd}");
        }
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
