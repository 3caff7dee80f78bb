//! `/media`: files that people sent, and that were uploaded. Whoever knows the address may see the file, as on the
//! platform itself; for a private one it takes a token as well.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use heliograph_connectors::channel::Fate;
use http::HeaderValue;
use http::header::X_CONTENT_TYPE_OPTIONS;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
};
use serde::Deserialize;
use tokio_util::io::ReaderStream;
use tracing::{info, warn};

use crate::model::{App, Id, MediaFile};

use super::Api;
use super::problem::Problem;
use super::receive::{Asked, Named};

/// Bytes of a file that are read at a time.
const CHUNK: usize = 64 << 10;

/// Types that a browser may show in place; all others are downloaded, because a page among them would run as
/// ours.
const SHOWN: [&str; 4] = ["image/", "audio/", "video/", "application/pdf"];

/// The routes of `/media`.
pub(super) fn routes() -> Router<Arc<Api>> {
    Router::new().route("/media/{app}/{file}/{name}", get(show))
}

#[derive(Debug, Deserialize)]
struct MediaPath {
    app: Id<App>,
    file: Id<MediaFile>,
}

#[derive(Debug, Deserialize)]
struct Shown {
    #[serde(default)]
    token: String,
}

/// `/media/{app}/{file}/{name}`
async fn show(
    State(api): State<Arc<Api>>,
    Named(path): Named<MediaPath>,
    Asked(shown): Asked<Shown>,
) -> Result<Response, Problem> {
    let app = &path.app;
    let file = api.core.media(app, &path.file).await?.ok_or_else(Problem::not_found)?;
    if !file.is_shown_by(app, &shown.token, api.core.now()) {
        return Err(Problem::forbidden("The file is private: its address needs a token that still holds"));
    }
    if let Some(found) = found(&api, app, &file).await? {
        return Ok(found);
    }
    let file = fetch(&api, app, &file).await?;
    found(&api, app, &file).await?.ok_or_else(Problem::not_found)
}

async fn found(api: &Api, app: &Id<App>, file: &MediaFile) -> Result<Option<Response>, Problem> {
    let found = api.media.find(&api.core, app, file).await.map_err(|error| {
        warn!(media = %file.id, %error, "a file could not be read");
        Problem::unavailable("The file cannot be read now")
    })?;
    Ok(found.map(|(content, length)| {
        let mut response = Body::from_stream(ReaderStream::with_capacity(content, CHUNK)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        let kind = file.media_type.as_deref().and_then(|kind| HeaderValue::from_str(kind).ok());
        let is_shown = is_shown(file.media_type.as_deref().unwrap_or_default());
        headers.insert(CONTENT_TYPE, kind.unwrap_or(HeaderValue::from_static("application/octet-stream")));
        let disposition = if is_shown { "inline" } else { "attachment" };
        headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, max-age=86400, immutable"));
        response
    }))
}

/// SVG is a page in a picture's clothes.
fn is_shown(media_type: &str) -> bool {
    SHOWN.iter().any(|shown| media_type.starts_with(shown)) && !media_type.contains("svg")
}

/// The file is not here yet: whoever asks first brings it.
async fn fetch(api: &Api, app: &Id<App>, file: &MediaFile) -> Result<MediaFile, Problem> {
    let integration = file.integration.as_ref().ok_or_else(Problem::not_found)?;
    let channel = api.channels.get(integration).ok_or_else(Problem::not_found)?;
    match api.media.fetch(&api.core, app, file, &*channel).await {
        Ok(file) => Ok(file),
        Err(error) if error.fate == Fate::Permanent => {
            info!(media = %file.id, %error, "a file is not to be had");
            Err(Problem::missing("not_found", "The file is no longer at its provider"))
        }
        Err(error) => {
            info!(media = %file.id, %error, "a file could not be fetched");
            Err(Problem::unavailable("The file could not be fetched from its provider yet"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_run_is_shown_in_place() {
        assert!(is_shown("image/png") && is_shown("application/pdf") && is_shown("audio/ogg; codecs=opus"));
        assert!(!is_shown("image/svg+xml") && !is_shown("text/html") && !is_shown(""));
    }
}
