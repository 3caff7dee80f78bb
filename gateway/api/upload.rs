//! Forms with a file in them: streamed through to where files are kept, within bounds of size and of pace.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, MatchedPath, Multipart, Request};
use bytes::Bytes;
use heliograph_connectors::channel::Incoming;
use http_body_util::Limited;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use super::Api;
use super::problem::Problem;
use crate::media::{Headed, MediaError, Rejected, accepted};
use crate::model::{App, Id, MediaFile, User};

/// Routes that take forms, by how their patterns end.
const ROUTES: [&str; 2] = ["/attachments", "/images"];

/// So many bytes of a form must come within [`PROGRESS_TIME`], however long all of it takes.
const PROGRESS: usize = 128 << 10;

/// Within this time.
const PROGRESS_TIME: Duration = Duration::from_secs(30);

/// What a form may have beside its file: other fields, and what holds them together.
const AROUND_MAX: usize = 128 << 10;

/// Fields of a form.
const FIELDS_MAX: usize = 32;

/// Whether a request is a form, whose time is bounded as it comes and whose body is never held.
pub(super) fn is_upload(request: &Request) -> bool {
    let route = request.extensions().get::<MatchedPath>();
    route.is_some_and(|route| ROUTES.iter().any(|end| route.as_str().ends_with(end)))
}

/// What is to become of a form's file.
#[derive(Debug, Clone)]
pub(super) struct Wanted<'a> {
    /// Whose app.
    pub(super) app: &'a Id<App>,
    /// The person it is kept for.
    pub(super) user: Option<Id<User>>,
    /// Whether its address alone is not to show it.
    pub(super) private: bool,
    /// The types that are taken, of those that may be uploaded.
    pub(super) kinds: &'static str,
}

/// A form that was read.
#[derive(Debug)]
pub(super) struct Form {
    /// Its file, which is kept.
    pub(super) file: MediaFile,
    /// Where that is seen.
    pub(super) url: String,
    /// Its other fields.
    pub(super) texts: BTreeMap<String, String>,
}

/// Reads a form and keeps the file in its field `source`.
pub(super) async fn receive(api: &Api, wanted: Wanted<'_>, request: Request) -> Result<Form, Problem> {
    let limit = api.intake.limits.upload;
    let (parts, body) = request.into_parts();
    if body.size_hint().lower() > (limit + AROUND_MAX) as u64 {
        return Err(Problem::too_large(limit));
    }
    let body = Body::new(Limited::new(body, limit + AROUND_MAX));
    let mut request = Request::from_parts(parts, body);
    DefaultBodyLimit::disable().apply(&mut request);
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|error| Problem::bad_request(error.body_text()))?;
    let (mut found, mut texts) = (None, BTreeMap::new());
    let read = read(api, &wanted, &mut form, &mut found, &mut texts).await;
    let (problem, found) = match (read, found) {
        (Ok(()), Some((file, url))) => return Ok(Form { file, url, texts }),
        (Ok(()), None) => (Problem::required("source"), None),
        (Err(problem), found) => (problem, found),
    };
    if let Some((file, _)) = found {
        drop_again(api, wanted.app, &file).await;
    }
    Err(problem)
}

/// Removes a file that was kept for a request that then failed.
pub(super) async fn drop_again(api: &Api, app: &Id<App>, file: &MediaFile) {
    if let Err(error) = api.media.discard(&api.core, app, file).await {
        warn!(media = %file.id, %error, "an uploaded file that nobody wants could not be removed");
    }
}

async fn read(
    api: &Api,
    wanted: &Wanted<'_>,
    form: &mut Multipart,
    found: &mut Option<(MediaFile, String)>,
    texts: &mut BTreeMap<String, String>,
) -> Result<(), Problem> {
    let limit = api.intake.limits.upload;
    let (mut around, mut pace) = (0, Pace::of(PROGRESS_TIME));
    while let Some(mut field) =
        pace.within(form.next_field()).await?.map_err(|error| broken(&error, limit))?
    {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "source" && found.is_none() {
            *found = Some(keep(api, wanted, field, &mut pace).await?);
            continue;
        }
        let mut text = Vec::new();
        while let Some(bytes) = pace.chunk(&mut field, limit).await? {
            around += bytes.len();
            if around > AROUND_MAX || texts.len() >= FIELDS_MAX {
                return Err(Problem::bad_request("The form has too many fields beside its file"));
            }
            text.extend_from_slice(&bytes);
        }
        let text = String::from_utf8(text).map_err(|_| Problem::invalid(&name, "must be UTF-8"))?;
        texts.insert(name, text);
    }
    Ok(())
}

async fn keep(
    api: &Api,
    wanted: &Wanted<'_>,
    field: Field<'_>,
    pace: &mut Pace,
) -> Result<(MediaFile, String), Problem> {
    let limit = api.intake.limits.upload;
    let name = field.file_name().map(str::to_owned);
    let mut part = Part { field, pace, left: limit, limit, refused: None };
    let kept = match Headed::of(&mut part).await {
        Ok(bytes) => keep_known(api, wanted, name.as_deref(), bytes).await,
        Err(error) => Err(Refused::Kept(error.into())),
    };
    kept.map_err(|refused| match (refused, part.refused.take()) {
        (_, Some(problem)) => problem,
        (Refused::Type(rejected), None) => Problem::unsupported_media_type(&rejected.to_string()),
        (Refused::Kept(error), None) => error.into(),
    })
}

/// Why a file was not kept, where its sender did not break off.
enum Refused {
    Type(Rejected),
    Kept(MediaError),
}

async fn keep_known(
    api: &Api,
    wanted: &Wanted<'_>,
    name: Option<&str>,
    mut bytes: Headed<'_>,
) -> Result<(MediaFile, String), Refused> {
    let kind = accepted(name, bytes.head()).and_then(|kind| match kind.starts_with(wanted.kinds) {
        true => Ok(kind),
        false => Err(Rejected::Type),
    });
    let kind = match kind {
        Ok(kind) => kind,
        Err(rejected) => {
            // Read to its end all the same: who is still sending would not see the answer.
            while let Ok(Some(_)) = bytes.next().await {}
            return Err(Refused::Type(rejected));
        }
    };
    let mut file = MediaFile::new(Id::random(), api.core.now());
    file.media_type = Some(kind);
    file.user.clone_from(&wanted.user);
    file.key = wanted.private.then(|| hex::encode(rand::random::<[u8; 32]>()));
    let file = api.media.keep(&api.core, wanted.app, &file, &mut bytes).await.map_err(Refused::Kept)?;
    let url = api.core.media_url(wanted.app, &file, name);
    Ok((file, url))
}

/// The file of a form, as it comes.
struct Part<'a> {
    field: Field<'a>,
    pace: &'a mut Pace,
    left: usize,
    limit: usize,
    /// What its sender is to be told, when it is not taken for its size or its pace.
    refused: Option<Problem>,
}

#[async_trait::async_trait]
impl Incoming for Part<'_> {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let problem = match self.pace.chunk(&mut self.field, self.limit).await {
            Ok(None) => return Ok(None),
            Ok(Some(bytes)) if bytes.len() <= self.left => {
                self.left -= bytes.len();
                return Ok(Some(bytes));
            }
            Ok(Some(_)) => Problem::too_large(self.limit),
            Err(problem) => problem,
        };
        self.refused = Some(problem);
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// Why a form could not be read.
fn broken(error: &MultipartError, limit: usize) -> Problem {
    if error.status() == http::StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::too_large(limit);
    }
    Problem::bad_request(error.body_text())
}

/// How fast a form must come: so many bytes within so long, again and again.
struct Pace {
    time: Duration,
    /// When the time is over that runs.
    end: Instant,
    /// Bytes since it began.
    came: usize,
}

impl Pace {
    fn of(time: Duration) -> Pace {
        Pace { time, end: Instant::now() + time, came: 0 }
    }

    /// What comes, if it comes in time.
    async fn within<T>(&self, coming: impl Future<Output = T>) -> Result<T, Problem> {
        timeout_at(self.end, coming).await.map_err(|_| Problem::too_slow())
    }

    /// The next bytes of a field, if they come in time.
    async fn chunk(&mut self, field: &mut Field<'_>, limit: usize) -> Result<Option<Bytes>, Problem> {
        let bytes = self.within(field.chunk()).await?.map_err(|error| broken(&error, limit))?;
        self.came(bytes.as_ref().map_or(0, Bytes::len));
        Ok(bytes)
    }

    fn came(&mut self, bytes: usize) {
        self.came += bytes;
        if self.came >= PROGRESS {
            (self.came, self.end) = (0, Instant::now() + self.time);
        }
    }
}

impl From<MediaError> for Problem {
    fn from(error: MediaError) -> Problem {
        match error {
            MediaError::Store(error) => error.into(),
            MediaError::Bytes(error) => {
                warn!(%error, "a file could not be kept");
                Problem::unavailable("The file could not be kept; try again")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    #[tokio::test]
    async fn a_form_that_stops_coming_is_given_up() {
        let mut pace = Pace::of(Duration::from_millis(20));
        let first = pace.end;
        pace.came(PROGRESS - 1);
        assert_eq!(pace.end, first, "too little");
        assert_eq!(pace.within(pending::<()>()).await, Err(Problem::too_slow()));
        pace.came(1);
        assert!(pace.end > first, "enough");
        assert_eq!(pace.within(async { 7 }).await, Ok(7));
        assert_eq!(pace.within(pending::<()>()).await, Err(Problem::too_slow()));
    }
}
