//! The forms in which Mailgun posts a mail, with files or without.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{FutureExt, future, stream};
use http::header::CONTENT_TYPE;
use multer::Multipart;
use url::form_urlencoded;

use crate::channel::{Media, RawWebhook};

/// A file that came with a mail.
pub(super) type Enclosure = Media;

/// The fields of a form, in order, and its files.
#[derive(Debug, Default)]
pub(super) struct Form {
    fields: Vec<(String, String)>,
    pub(super) files: Vec<Enclosure>,
    headers: Vec<(String, String)>,
}

impl Form {
    /// The form in a hook; `None` when it holds none, or a broken one.
    pub(super) fn read(raw: &RawWebhook) -> Option<Form> {
        let kind = raw.header(CONTENT_TYPE.as_str())?;
        let body = raw.untrusted_body();
        let mut form = match multer::parse_boundary(kind) {
            Ok(boundary) => Form::multipart(Bytes::copy_from_slice(body), boundary)?,
            Err(_) if is_urlencoded(kind) => {
                let fields = form_urlencoded::parse(body).into_owned().collect();
                Form { fields, ..Form::default() }
            }
            Err(_) => return None,
        };
        // All headers of the mail, in order; those that a route also posts as fields are only some of them.
        form.headers =
            form.last("message-headers").and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        Some(form)
    }

    /// The whole body is here, so nothing is ever waited for.
    fn multipart(body: Bytes, boundary: String) -> Option<Form> {
        let whole = stream::once(future::ready(Ok::<_, Infallible>(body)));
        let mut parts = Multipart::new(whole, boundary);
        let mut form = Form::default();
        while let Some(part) = parts.next_field().now_or_never()?.ok()? {
            let name = part.name().unwrap_or_default().to_owned();
            let file_name = part.file_name().map(str::to_owned);
            let media_type = part.content_type().map(|kind| kind.essence_str().to_owned());
            let bytes = part.bytes().now_or_never()?.ok()?;
            // A file without a name is still told by its field's.
            if file_name.is_some() || name.starts_with("attachment-") && name != "attachment-count" {
                let name = file_name.filter(|name| !name.is_empty());
                form.files.push(Media { bytes, media_type, name });
            } else {
                form.fields.push((name, String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
        Some(form)
    }

    /// A field's value. Of several the last counts: earlier ones may be headers that the person's mail brought.
    pub(super) fn last(&self, name: &str) -> Option<&str> {
        self.fields.iter().rev().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// A header of the mail, whatever the case of its name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut both = self.headers.iter().chain(&self.fields);
        both.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

fn is_urlencoded(kind: &str) -> bool {
    kind.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
}
