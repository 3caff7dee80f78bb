//! The files Meta holds: those the gateway put there, and those people sent. Pure.

use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use heliograph_connectors::channel::signature::sha256;
use serde_json::{Value, json};

use crate::sim::{files, meta::Refusal, provider::Media};

/// A file of one number.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) number_id: String,
    pub(super) kind: String,
    pub(super) bytes: Bytes,
    /// Its time is over: with what its download is answered.
    pub(super) gone: Option<StatusCode>,
}

impl Held {
    /// A file that a person sends.
    pub(super) fn written(number_id: &str, media: &Media) -> Result<Held, String> {
        let (_, bytes) = files::at(&media.url)
            .ok_or_else(|| format!("{} is no file of this simulator (/files/…)", media.url))?;
        let gone = files::name_in(&media.url).and_then(files::gone);
        Ok(Held { number_id: number_id.to_owned(), kind: media.kind.clone(), bytes: bytes.into(), gone })
    }

    /// The hash as Meta writes it.
    pub(super) fn sha256(&self) -> String {
        hex::encode(sha256(&self.bytes))
    }

    /// As the Graph API shows it.
    pub(super) fn shown(&self, id: &str, url: &str) -> Value {
        json!({
            "messaging_product": "whatsapp", "url": url, "mime_type": self.kind, "sha256": self.sha256(),
            "file_size": self.bytes.len(), "id": id,
        })
    }
}

/// What WhatsApp takes of each type; the table ends in what documents may be.
fn limit(kind: &str) -> Option<usize> {
    Some(match kind.split(';').next().unwrap_or_default() {
        "image/jpeg" | "image/png" => 5 << 20,
        "image/webp" => 500 << 10,
        "audio/aac" | "audio/amr" | "audio/mpeg" | "audio/mp4" | "audio/ogg" | "video/mp4" | "video/3gpp" => {
            16 << 20
        }
        kind if kind.starts_with("application/")
            || kind.starts_with("text/")
            || kind.starts_with("image/") =>
        {
            100 << 20
        }
        _ => return None,
    })
}

/// Reads and checks an upload: exactly the fields `messaging_product`, `type` and `file`.
pub(super) fn uploaded(number_id: &str, headers: &HeaderMap, body: &Bytes) -> Result<Held, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let boundary = kind
        .strip_prefix("multipart/form-data; boundary=")
        .ok_or_else(|| Refusal::parameter("the content type must be multipart/form-data with a boundary"))?;
    let (mut product, mut kind, mut file) = (None, None, None);
    for field in fields(body, boundary).ok_or_else(|| Refusal::parameter("the form cannot be read"))? {
        let text = || String::from_utf8_lossy(&field.value).into_owned();
        let repeated = match field.name.as_str() {
            "messaging_product" => product.replace(text()).is_some(),
            "type" => kind.replace(text()).is_some(),
            "file" if field.filename.is_some() => file.replace((field.kind, field.value)).is_some(),
            other => return Err(Refusal::parameter(&format!("unexpected field {other}"))),
        };
        if repeated {
            return Err(Refusal::parameter(&format!("the field {} is given twice", field.name)));
        }
    }
    if product.as_deref() != Some("whatsapp") {
        return Err(Refusal::parameter("The parameter messaging_product is required."));
    }
    let (Some(kind), Some((of_file, bytes))) = (kind, file) else {
        return Err(Refusal::parameter("The parameters type and file are required."));
    };
    if of_file.is_some_and(|of_file| of_file != kind) {
        return Err(Refusal::parameter("Param file must have the type that the parameter type says"));
    }
    let limit = limit(&kind).ok_or_else(|| Refusal::parameter(&format!("Param file must not be {kind}")))?;
    if bytes.is_empty() || bytes.len() > limit {
        return Err(Refusal::new(131053, "Media upload error").with_details(format!("{} bytes", bytes.len())));
    }
    Ok(Held { number_id: number_id.to_owned(), kind, bytes, gone: None })
}

/// One field of a form.
struct Field {
    name: String,
    filename: Option<String>,
    kind: Option<String>,
    value: Bytes,
}

/// The fields of a multipart form (RFC 7578); `None` when it is none.
fn fields(body: &Bytes, boundary: &str) -> Option<Vec<Field>> {
    let opening = format!("--{boundary}\r\n");
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(opening.as_bytes()).map(|rest| body.slice_ref(rest))?;
    let mut fields = Vec::new();
    loop {
        let head_end = position(&rest, b"\r\n\r\n")?;
        let head = std::str::from_utf8(&rest[..head_end]).ok()?.to_owned();
        let value = rest.slice(head_end + 4..);
        let end = position(&value, delimiter.as_bytes())?;
        let (mut name, mut filename, mut kind) = (None, None, None);
        for line in head.split("\r\n") {
            let (header, content) = line.split_once(": ")?;
            match header.to_ascii_lowercase().as_str() {
                "content-disposition" => {
                    name = quoted(content, " name=");
                    filename = quoted(content, " filename=");
                }
                "content-type" => kind = Some(content.to_owned()),
                _ => return None,
            }
        }
        fields.push(Field { name: name?, filename, kind, value: value.slice(..end) });
        let after = value.slice(end + delimiter.len()..);
        if after.as_ref() == b"--\r\n" {
            return Some(fields);
        }
        rest = after.strip_prefix(b"\r\n").map(|next| after.slice_ref(next))?;
    }
}

fn quoted(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("{name}\""))?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(parts: &[&str]) -> Result<Held, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "multipart/form-data; boundary=b".parse().expect("a value"));
        let parts: String =
            parts.iter().map(|part| format!("--b\r\nContent-Disposition: form-data; {part}\r\n")).collect();
        uploaded("1", &headers, &Bytes::from(format!("{parts}--b--\r\n")))
    }

    const PRODUCT: &str = "name=\"messaging_product\"\r\n\r\nwhatsapp";
    const TYPE: &str = "name=\"type\"\r\n\r\nimage/png";
    const FILE: &str = "name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\r\npixels\r\n";

    #[test]
    fn an_upload_is_read() {
        let held = form(&[PRODUCT, TYPE, FILE]).expect("a file");
        assert_eq!((held.kind.as_str(), &held.bytes[..]), ("image/png", &b"\r\npixels\r\n"[..]));
    }

    #[test]
    fn an_upload_with_anything_else_is_refused() {
        let other_kind = "name=\"type\"\r\n\r\nimage/jpeg";
        let unknown = "name=\"colour\"\r\n\r\nred";
        for parts in [
            vec![TYPE, FILE],
            vec![PRODUCT, FILE],
            vec![PRODUCT, TYPE],
            vec![PRODUCT, TYPE, TYPE, FILE],
            vec![PRODUCT, TYPE, FILE, unknown],
            vec![PRODUCT, other_kind, FILE],
            vec![],
        ] {
            assert!(form(&parts).is_err(), "{parts:?}");
        }
    }
}
