//! Small files for people to send: one per type, made up here, the same at every call.

use std::sync::Arc;

use axum::{
    Router,
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use super::Sim;

/// One grey pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\
    \0\0\0\nIDATx\x9cch\0\0\0\x82\0\x81w\xcdr\xb6\0\0\0\0IEND\xaeB`\x82";

/// The call that hands them out.
pub(super) fn routes() -> Router<Arc<Sim>> {
    Router::new().route("/files/{name}", get(show))
}

async fn show(Path(name): Path<String>) -> Response {
    if let Some(gone) = gone(&name) {
        return gone.into_response();
    }
    match file(&name) {
        Some((kind, bytes)) => ([(header::CONTENT_TYPE, kind)], bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The status with which a file is refused whose time is over, as its name says: `expired…`, `missing…`.
pub(super) fn gone(name: &str) -> Option<StatusCode> {
    match name {
        _ if name.starts_with("expired") => Some(StatusCode::GONE),
        _ if name.starts_with("missing") => Some(StatusCode::NOT_FOUND),
        _ => None,
    }
}

/// A file's type and content, by its name's ending; the name stands in the content of all but pictures, so that
/// two files differ.
pub(super) fn file(name: &str) -> Option<(&'static str, Vec<u8>)> {
    let (_, ending) = name.rsplit_once('.')?;
    let (kind, start): (_, &[u8]) = match ending {
        "png" => return Some(("image/png", PNG.to_vec())),
        "jpg" | "jpeg" => ("image/jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF\0"),
        "gif" => ("image/gif", b"GIF89a"),
        "webp" => ("image/webp", b"RIFF\0\0\0\0WEBP"),
        "ogg" => ("audio/ogg", b"OggS\0"),
        "mp3" => ("audio/mpeg", b"ID3"),
        "mp4" => ("video/mp4", b"\0\0\0\x18ftypmp42"),
        "pdf" => ("application/pdf", b"%PDF-1.4\n"),
        "txt" => ("text/plain", b""),
        _ => return None,
    };
    Some((kind, [start, name.as_bytes(), b"\n"].concat()))
}

/// The name of the file at an address of this simulator.
pub(super) fn name_in(url: &str) -> Option<&str> {
    url.rsplit_once("/files/").map(|(_, name)| name)
}

/// The file at an address of this simulator; for providers that hold files themselves or enclose them.
pub(super) fn at(url: &str) -> Option<(&'static str, Vec<u8>)> {
    file(name_in(url)?)
}
