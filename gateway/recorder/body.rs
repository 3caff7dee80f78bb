//! Bodies taken apart and put together again: forms, JSON, files beside forms. What cannot be taken apart cannot
//! be scrubbed, so there is no recording of it.

use bytes::Bytes;
use http::HeaderValue;
use url::form_urlencoded::{byte_serialize, parse};

use super::{Rewrite, json};

/// The line that parts the fields of a recorded multipart form.
const BOUNDARY: &str = "heliograph-tape";

/// A message whose body is in a form nobody here can read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

/// A body with its keys, texts, numbers and files rewritten, and the type it then has.
pub(super) fn rewrite(
    content_type: Option<&HeaderValue>,
    body: &[u8],
    with: &mut dyn Rewrite,
) -> Result<(Option<HeaderValue>, Bytes), Unreadable> {
    let same = || content_type.cloned();
    if body.is_empty() {
        return Ok((same(), Bytes::new()));
    }
    let kind = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    if let Some(boundary) = boundary(kind) {
        let parts = multipart(&boundary, body, with).ok_or(Unreadable)?;
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        return Ok((HeaderValue::try_from(kind).ok(), parts.into()));
    }
    let text = std::str::from_utf8(body).map_err(|_| Unreadable)?;
    if let Some(written) = json::rewrite(text, with) {
        return Ok((same(), written.into()));
    }
    if kind.starts_with("application/x-www-form-urlencoded") {
        return Ok((same(), form(text, with).into()));
    }
    Err(Unreadable)
}

/// A form or a query. Pairs that did not change stay as they were written.
pub(super) fn form(text: &str, with: &mut dyn Rewrite) -> String {
    let pairs = text.split('&').map(|pair| {
        let (name, value) = match pair.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (pair, None),
        };
        let key = decoded(name);
        let name = kept_or(name, &key, with.key(&key));
        match value {
            None => name,
            Some(value) => {
                let old = decoded(value);
                let new = with.text(std::slice::from_ref(&key), &old);
                format!("{name}={}", kept_or(value, &old, new))
            }
        }
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn kept_or(raw: &str, old: &str, new: String) -> String {
    if old == new { raw.to_owned() } else { byte_serialize(new.as_bytes()).collect() }
}

/// Form encoding undone: `+` is a space, `%41` an A.
fn decoded(raw: &str) -> String {
    // As a value, where an `=` has no meaning.
    let pair = format!("={raw}");
    parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

fn boundary(kind: &str) -> Option<String> {
    let parameters = kind.strip_prefix("multipart/form-data")?;
    let boundary = parameters.split(';').find_map(|one| one.trim().strip_prefix("boundary="))?;
    Some(boundary.trim_matches('"').to_owned())
}

/// Each part keeps its name, and its file name and type when it is a file.
fn multipart(boundary: &str, body: &[u8], with: &mut dyn Rewrite) -> Option<Vec<u8>> {
    let mark = format!("--{boundary}");
    let mut written = Vec::new();
    let mut sections = split(body, mark.as_bytes()).into_iter().skip(1);
    for section in sections.by_ref().take_while(|section| !section.starts_with(b"--")) {
        let section = section.strip_prefix(b"\r\n")?.strip_suffix(b"\r\n")?;
        let [head, content] = split_once(section, b"\r\n\r\n")?;
        let head = std::str::from_utf8(head).ok()?;
        let name = parameter(head, "name")?;
        written.extend_from_slice(format!("--{BOUNDARY}\r\n").as_bytes());
        written.extend_from_slice(disposition(head, &name, with).as_bytes());
        let file = parameter(head, "filename").is_some();
        match std::str::from_utf8(content) {
            Ok(text) if !file => written.extend_from_slice(with.text(&[name], text).as_bytes()),
            _ => written.extend_from_slice(&with.file(content)),
        }
        written.extend_from_slice(b"\r\n");
    }
    written.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    Some(written)
}

fn disposition(head: &str, name: &str, with: &mut dyn Rewrite) -> String {
    let mut line = format!("Content-Disposition: form-data; name=\"{}\"", with.key(name));
    if let Some(file) = parameter(head, "filename") {
        line.push_str(&format!(
            "; filename=\"{}\"",
            with.text(&["filename".into()], &file).replace('"', "'")
        ));
    }
    line.push_str("\r\n");
    let kind = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-type").then(|| value.trim())
    });
    if let Some(kind) = kind {
        let kind = with.text(&["content-type".into()], kind.split(';').next().unwrap_or_default());
        line.push_str(&format!("Content-Type: {kind}\r\n"));
    }
    line.push_str("\r\n");
    line
}

/// A parameter of a part's disposition.
fn parameter(head: &str, name: &str) -> Option<String> {
    let mark = format!(" {name}=\"");
    let value = &head[head.find(&mark)? + mark.len()..];
    Some(value[..value.find('"')?].to_owned())
}

fn split<'a>(mut bytes: &'a [u8], mark: &[u8]) -> Vec<&'a [u8]> {
    let mut sections = Vec::new();
    while let Some([before, after]) = split_once(bytes, mark) {
        sections.push(before);
        bytes = after;
    }
    sections.push(bytes);
    sections
}

fn split_once<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<[&'a [u8]; 2]> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    Some([&bytes[..at], &bytes[at + mark.len()..]])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Letters become x, files vanish.
    struct Crossed;

    impl Rewrite for Crossed {
        fn text(&mut self, path: &[String], text: &str) -> String {
            match path.first().map(String::as_str) {
                Some("kept" | "content-type") => text.to_owned(),
                _ => text.chars().map(|c| if c.is_alphabetic() { 'x' } else { c }).collect(),
            }
        }

        fn file(&mut self, _: &[u8]) -> Vec<u8> {
            b"file".to_vec()
        }
    }

    fn rewritten(kind: &str, body: &str) -> Result<String, Unreadable> {
        let kind = HeaderValue::from_str(kind).expect("a header");
        rewrite(Some(&kind), body.as_bytes(), &mut Crossed)
            .map(|(_, body)| String::from_utf8_lossy(&body).into_owned())
    }

    #[test]
    fn forms_keep_the_spelling_of_what_does_not_change() {
        let kind = "application/x-www-form-urlencoded; charset=UTF-8";
        assert_eq!(
            rewritten(kind, "kept=a%20b+%c3%a9&b=c+d%26&e=&f").as_deref(),
            Ok("kept=a%20b+%c3%a9&b=x+x%26&e=&f")
        );
    }

    #[test]
    fn files_beside_a_form_are_replaced() {
        let body = "--q\r\nContent-Disposition: form-data; name=\"body-plain\"\r\n\r\nHello\r\n--q\r\nContent-Disposition: form-data; name=\"attachment-1\"; filename=\"me.png\"\r\nContent-Type: image/png\r\nX-A: secret\r\n\r\nsecret\r\n--q--\r\n";
        let expected = "--heliograph-tape\r\nContent-Disposition: form-data; name=\"body-plain\"\r\n\r\nxxxxx\r\n--heliograph-tape\r\nContent-Disposition: form-data; name=\"attachment-1\"; filename=\"xx.xxx\"\r\nContent-Type: image/png\r\n\r\nfile\r\n--heliograph-tape--\r\n";
        assert_eq!(rewritten("multipart/form-data; boundary=\"q\"", body).as_deref(), Ok(expected));
    }

    #[test]
    fn what_cannot_be_taken_apart_is_not_recorded() {
        assert_eq!(rewritten("application/json", "{\"a\":"), Err(Unreadable));
        assert_eq!(rewritten("text/plain", "hello"), Err(Unreadable));
        assert_eq!(rewritten("multipart/form-data; boundary=q", "--q\r\nHello"), Err(Unreadable));
    }
}
