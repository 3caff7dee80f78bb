//! How the business shows itself on a channel: read from the provider, changed there, nothing kept here.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use bytes::Bytes;
use heliograph_connectors::channel::{BusinessProfile, Channel, Media};
use http::StatusCode;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::gate::Caller;
use crate::api::integrations::within;
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Named, whole};
use crate::wire::v1;

use super::integrations::{IntegrationPath, named};

/// How long the provider may take for all that one request needs.
const PROVIDER_TIME: Duration = Duration::from_secs(20);

/// The largest photo, with the form around it.
const PHOTO_MAX: usize = 5 << 20;

/// What files of these types begin with.
const PHOTOS: [(&str, &[u8]); 2] = [("image/jpeg", b"\xff\xd8\xff"), ("image/png", b"\x89PNG\r\n\x1a\n")];

/// `GET /integrations/{integration}/profile`
pub(super) async fn read(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<IntegrationPath>,
) -> Result<Json<Value>, Problem> {
    let channel = api.live(named(&tenant, &path)?)?;
    let profile = within(PROVIDER_TIME, &*channel, face(&*channel)?.profile(api.media.providers())).await?;
    Ok(Json(json!({ "profile": profile })))
}

/// `PUT /integrations/{integration}/profile`
pub(super) async fn update(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<IntegrationPath>,
    ApiBody(body): ApiBody,
) -> Result<StatusCode, Problem> {
    let channel = api.live(named(&tenant, &path)?)?;
    let face = face(&*channel)?;
    let change = v1::parse_business(&body)?;
    within(PROVIDER_TIME, &*channel, face.update(&change, api.media.providers())).await?;
    Ok(StatusCode::OK)
}

/// `PUT /integrations/{integration}/profile/photo`
pub(super) async fn set_photo(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<IntegrationPath>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let channel = api.live(named(&tenant, &path)?)?;
    let face = face(&*channel)?;
    let photo = photo(source(request).await?)?;
    let url = within(PROVIDER_TIME, &*channel, face.set_photo(&photo, api.media.providers())).await?;
    Ok(Json(url.map_or_else(|| json!({}), |url| json!({ "photoUrl": url }))))
}

fn face(channel: &dyn Channel) -> Result<&dyn BusinessProfile, Problem> {
    let none = || Problem::bad_request(format!("{} has no business profile", channel.capabilities().word));
    channel.business().ok_or_else(none)
}

/// The file of a form's field `source`.
async fn source(request: Request) -> Result<Bytes, Problem> {
    let (parts, body) = request.into_parts();
    // One that is a little too large is read all the same: where a body is left unread its sender sees no answer.
    let body = whole(body, 2 * PHOTO_MAX).await?;
    if body.len() > PHOTO_MAX {
        return Err(Problem::too_large(PHOTO_MAX));
    }
    let mut request = Request::from_parts(parts, Body::from(body));
    DefaultBodyLimit::max(PHOTO_MAX).apply(&mut request);
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|error| Problem::bad_request(error.body_text()))?;
    let malformed = |error: axum::extract::multipart::MultipartError| Problem::bad_request(error.body_text());
    while let Some(field) = form.next_field().await.map_err(malformed)? {
        if field.name() == Some("source") {
            return field.bytes().await.map_err(malformed);
        }
    }
    Err(Problem::required("source"))
}

/// A photo is what its content is, whatever its form says.
fn photo(bytes: Bytes) -> Result<Media, Problem> {
    let kind = PHOTOS.iter().find(|(_, magic)| bytes.starts_with(magic));
    let (kind, _) = kind.ok_or_else(|| Problem::invalid("source", "must be a JPEG or PNG image"))?;
    Ok(Media { bytes, media_type: Some((*kind).to_owned()), name: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photo_is_known_by_its_content() {
        let kind =
            |bytes: &'static [u8]| photo(Bytes::from_static(bytes)).ok().and_then(|one| one.media_type);
        assert_eq!(kind(b"\xff\xd8\xff\xe0").as_deref(), Some("image/jpeg"));
        assert_eq!(kind(b"\x89PNG\r\n\x1a\n...").as_deref(), Some("image/png"));
        for other in [&b""[..], b"GIF89a", b"<svg/>", b"\x89PNG"] {
            assert_eq!(kind(other), None);
        }
    }
}
