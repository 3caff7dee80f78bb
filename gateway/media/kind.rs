//! What a file is: by its content first, by what others call it second. Which files may be uploaded.

use heliograph_connectors::channel::Incoming;

use bytes::Bytes;

/// Bytes at a file's start that tell its type.
const HEAD: usize = 8 << 10;

/// What the platform takes (v1.1, file validation).
const ENDINGS: &str = "3g2 3gp 7z aac amr avi bmp csv doc docx eml gif heic heif ics jfif jpeg jpg key log m4a m4v \
    mov mp3 mp4 mp4a mpeg mpg mpga neon numbers odt oga ogg ogv opus pages pdf png pps ppsx ppt pptx qt svg tif tiff \
    txt vcf wav webm webp wmv xls xlsx xml yaml yml zip";

/// Types of text, which no content tells from another, by the ending of the name.
const TEXTS: [(&str, &str); 8] = [
    ("csv", "text/csv"),
    ("eml", "message/rfc822"),
    ("ics", "text/calendar"),
    ("svg", "image/svg+xml"),
    ("vcf", "text/vcard"),
    ("xml", "application/xml"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
];

/// Types that hold others: what the content is in is seen, what it is stands in the name.
const WRAPPED: [(&str, &str, &str); 16] = [
    ("application/zip", "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("application/zip", "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("application/zip", "pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("application/zip", "ppsx", "application/vnd.openxmlformats-officedocument.presentationml.slideshow"),
    ("application/zip", "odt", "application/vnd.oasis.opendocument.text"),
    ("application/zip", "key", "application/vnd.apple.keynote"),
    ("application/zip", "numbers", "application/vnd.apple.numbers"),
    ("application/zip", "pages", "application/vnd.apple.pages"),
    ("application/x-ole-storage", "doc", "application/msword"),
    ("application/x-ole-storage", "xls", "application/vnd.ms-excel"),
    ("application/x-ole-storage", "ppt", "application/vnd.ms-powerpoint"),
    ("application/x-ole-storage", "pps", "application/vnd.ms-powerpoint"),
    ("text/xml", "svg", "image/svg+xml"),
    ("text/xml", "xml", "application/xml"),
    ("audio/ogg", "ogv", "video/ogg"),
    ("video/mp4", "m4a", "audio/mp4"),
];

/// Why a file is not taken, in the platform's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Its name ends as none that is taken.
    #[error("File rejected. File extension not allowed")]
    Extension,
    /// Its content is like nothing known.
    #[error("File rejected. File type could not be retrieved")]
    Unknown,
    /// Its content is something that is not taken.
    #[error("File rejected. File type not allowed")]
    Type,
}

/// Bytes with the first of them known.
pub struct Headed<'a> {
    head: Bytes,
    given: bool,
    rest: &'a mut dyn Incoming,
}

impl<'a> Headed<'a> {
    /// Waits for the first bytes.
    pub async fn of(rest: &'a mut dyn Incoming) -> std::io::Result<Headed<'a>> {
        let mut head = Vec::new();
        while head.len() < HEAD {
            match rest.next().await? {
                Some(bytes) => head.extend_from_slice(&bytes),
                None => break,
            }
        }
        Ok(Headed { head: head.into(), given: false, rest })
    }

    /// The first bytes.
    pub fn head(&self) -> &[u8] {
        &self.head
    }
}

#[async_trait::async_trait]
impl Incoming for Headed<'_> {
    async fn next(&mut self) -> std::io::Result<Option<Bytes>> {
        if !std::mem::replace(&mut self.given, true) && !self.head.is_empty() {
            return Ok(Some(self.head.clone()));
        }
        self.rest.next().await
    }
}

/// The type of an uploaded file, if it may be uploaded.
pub fn accepted(name: Option<&str>, head: &[u8]) -> Result<String, Rejected> {
    let ending = name.and_then(ending);
    if ending.as_deref().is_some_and(|ending| !is_taken(ending)) {
        return Err(Rejected::Extension);
    }
    let ending = ending.as_deref().unwrap_or_default();
    match infer::get(head) {
        Some(found) => {
            let inside = wrapped(found.mime_type(), ending);
            let is_fine = inside.is_some() || is_taken(found.extension());
            if is_fine { Ok(inside.unwrap_or(found.mime_type()).to_owned()) } else { Err(Rejected::Type) }
        }
        None if is_text(head) => Ok(text_named(ending).to_owned()),
        None => Err(Rejected::Unknown),
    }
}

/// The type of a file that somebody sent, and what its provider says about it.
pub(super) fn seen(head: &[u8], word: Option<&str>) -> Option<String> {
    let Some(found) = infer::get(head).map(|found| found.mime_type()) else { return word.map(str::to_owned) };
    // Who names what is inside a container knows more than its wrapping shows; parameters are more as well.
    let is_finer = |word: &&str| {
        let plain = word.split(';').next().unwrap_or_default().trim();
        plain == found || WRAPPED.iter().any(|(outer, _, inner)| *outer == found && *inner == plain)
    };
    Some(word.filter(is_finer).unwrap_or(found).to_owned())
}

fn ending(name: &str) -> Option<String> {
    let (_, ending) = name.rsplit_once('.')?;
    (!ending.is_empty()).then(|| ending.to_ascii_lowercase())
}

fn is_taken(ending: &str) -> bool {
    ENDINGS.split_whitespace().any(|taken| taken == ending)
}

fn wrapped(outer: &str, ending: &str) -> Option<&'static str> {
    let mut known = WRAPPED.iter();
    known.find(|(one, name, _)| *one == outer && *name == ending).map(|(_, _, inner)| *inner)
}

fn text_named(ending: &str) -> &'static str {
    TEXTS.iter().find(|(name, _)| *name == ending).map_or("text/plain", |(_, kind)| kind)
}

/// Whether this reads like text: UTF-8 that may be cut off at its end, without what no text holds.
fn is_text(head: &[u8]) -> bool {
    let readable = match std::str::from_utf8(head) {
        Ok(_) => head.len(),
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(_) => return false,
    };
    let is_control = |byte: &u8| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    readable > 0 && !head.iter().any(is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

    #[test]
    fn content_beats_the_name() {
        let kind = |name: &str, head: &[u8]| accepted(Some(name), head);
        assert_eq!(kind("a.PNG", PNG).as_deref(), Ok("image/png"));
        assert_eq!(kind("a.txt", PNG).as_deref(), Ok("image/png"));
        assert_eq!(kind("a.png", b"just text").as_deref(), Ok("text/plain"));
        assert_eq!(kind("people.csv", b"a,b\n1,2\n").as_deref(), Ok("text/csv"));
        assert_eq!(kind("d.svg", b"<?xml version=\"1.0\"?><svg/>").as_deref(), Ok("image/svg+xml"));
        assert_eq!(kind("slides.key", b"PK\x03\x04rest").as_deref(), Ok("application/vnd.apple.keynote"));
        assert_eq!(kind("é.pdf", b"%PDF-1.7\n").as_deref(), Ok("application/pdf"));
        assert_eq!(accepted(None, PNG).as_deref(), Ok("image/png"));
    }

    #[test]
    fn what_is_not_taken_is_refused_in_the_platforms_words() {
        let said = |name: &str, head: &[u8]| accepted(Some(name), head).expect_err("refused").to_string();
        assert_eq!(said("virus.exe", PNG), "File rejected. File extension not allowed");
        assert_eq!(said("a.png", b"\0\x01\x02\x03"), "File rejected. File type could not be retrieved");
        assert_eq!(said("a.png", b""), "File rejected. File type could not be retrieved");
        assert_eq!(said("a.png", b"MZ\x90\0\x03"), "File rejected. File type not allowed");
        assert_eq!(said("a.txt", b"<!DOCTYPE html><html>"), "File rejected. File type not allowed");
    }

    #[test]
    fn a_providers_word_counts_where_content_says_less() {
        assert_eq!(seen(PNG, Some("text/html")).as_deref(), Some("image/png"));
        assert_eq!(
            seen(b"OggS\0\x02", Some("audio/ogg; codecs=opus")).as_deref(),
            Some("audio/ogg; codecs=opus")
        );
        assert_eq!(seen(b"hello", Some("text/plain")).as_deref(), Some("text/plain"));
        assert_eq!(seen(b"hello", None), None);
    }

    #[tokio::test]
    async fn what_was_looked_at_comes_all_the_same() {
        let mut bytes = Bytes::from_static(b"abc");
        let mut headed = Headed::of(&mut bytes).await.expect("a head");
        assert_eq!(headed.head(), b"abc");
        assert_eq!(headed.next().await.expect("bytes").as_deref(), Some(&b"abc"[..]));
        assert_eq!(headed.next().await.expect("the end"), None);
    }
}
