//! Files: each is known under an id, and the store remembers where it came from and whose it is.

use std::time::Duration;

use heliograph_connectors::channel::{Content, InboundMessage, MediaSource};

use crate::model::{App, Id, Job, MediaFile, NewJob, User};
use crate::store::{Batch, Cut, Record, Retry};

use super::records::save;
use super::send::retry_at;
use super::settle::Scene;
use super::{Core, CoreError};

/// How long a provider is asked for a file: WhatsApp keeps one for a week.
const FETCH_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Record for MediaFile {
    const KIND: &'static str = "media";

    fn record_id(&self) -> String {
        self.id.to_string()
    }
}

/// The list of a person's files, ordered by when we heard of them.
pub(super) fn files_of(user: &Id<User>) -> String {
    format!("media:{user}")
}

/// How many bytes a file has, when it came along.
pub(super) fn size_of(source: &MediaSource) -> Option<u64> {
    match source {
        MediaSource::Enclosed(media) => u64::try_from(media.bytes.len()).ok(),
        MediaSource::Held(_) => None,
    }
}

impl Core {
    /// What is known about a file.
    pub async fn media(&self, app: &Id<App>, id: &Id<MediaFile>) -> Result<Option<MediaFile>, CoreError> {
        Ok(self.store.load::<MediaFile>(app, id.as_str()).await?.map(|read| read.value))
    }

    /// When a file that could not be had is to be asked for again; `None` when it is given up.
    pub fn fetch_again(&self, job: &Job, file: &MediaFile) -> Option<Retry> {
        let now = self.clock.now();
        let due = retry_at(&self.policy.retry, job.attempt, now)?;
        (due < file.created + FETCH_FOR).then_some(Retry { due, attempt: job.attempt + 1, keeps_lane: true })
    }

    /// Files of a person, the oldest first, at most so many. Entries whose files are gone are cleared away.
    pub async fn media_of(
        &self,
        app: &Id<App>,
        user: &Id<User>,
        limit: usize,
    ) -> Result<Vec<MediaFile>, CoreError> {
        let list = files_of(user);
        loop {
            let page = self.store.page(app, &list, Cut::After { rank: i64::MIN, limit }).await?;
            let ids: Vec<String> = page.into_iter().map(|entry| entry.member).collect();
            let found = self.store.load_all::<MediaFile>(app, &ids).await?;
            let mut batch = Batch::new(app);
            let missing = ids.iter().zip(&found).filter(|(_, found)| found.is_none());
            missing.for_each(|(id, _)| batch.remove(&*list, id));
            let files: Vec<MediaFile> = found.into_iter().flatten().map(|read| read.value).collect();
            if !files.is_empty() || batch.is_empty() {
                return Ok(files);
            }
            self.store.commit(batch).await?;
        }
    }

    /// The address of a file of ours. `called` is what its sender calls it, where that is known.
    pub fn media_url(&self, app: &Id<App>, file: &MediaFile, called: Option<&str>) -> String {
        format!("{}/media/{app}/{}/{}", self.policy.public_base, file.id, file.shown_name(called))
    }

    /// The file at an address of ours, if it is this app's.
    pub async fn media_at(&self, app: &Id<App>, url: &str) -> Result<Option<MediaFile>, CoreError> {
        match MediaFile::at(url, &self.policy.public_base) {
            Some((owner, id)) if owner == *app => self.media(app, &id).await,
            _ => Ok(None),
        }
    }

    /// Whether an address is that of a file of this app's, be it there or not.
    pub fn is_media_of(&self, app: &Id<App>, url: &str) -> bool {
        MediaFile::at(url, &self.policy.public_base).is_some_and(|(owner, _)| owner == *app)
    }

    /// What a person said, with their file under an address of ours: it can be used at once, and the file is
    /// right behind.
    pub(super) async fn with_own_address(
        &self,
        scene: Scene<'_>,
        said: &InboundMessage,
        user: &Id<User>,
        batch: &mut Batch,
    ) -> Result<Content, CoreError> {
        let mut content = said.content.clone();
        let Some(source) = &said.media else { return Ok(content) };
        let (Content::Image { media_url, media_type, .. } | Content::File { media_url, media_type, .. }) =
            &mut content
        else {
            return Ok(content);
        };
        let (app, integration) = (&scene.tenant.app.id, &scene.integration.id);
        let (called, version, mut file) = match source {
            MediaSource::Held(name) => {
                let file = MediaFile::new(Id::random(), scene.now);
                (Some(name.as_str()), None, MediaFile { held: Some(name.clone()), ..file })
            }
            MediaSource::Enclosed(media) => {
                // It was kept before; here it gets its owner.
                let id = MediaFile::enclosed_id(integration, &said.provider_id, &media.bytes);
                let kept = self.store.load::<MediaFile>(app, id.as_str()).await?;
                let (version, file) = match kept {
                    Some(kept) => (Some(kept.version), kept.value),
                    None => (None, MediaFile::new(id, scene.now)),
                };
                (media.name.as_deref(), version, file)
            }
        };
        file.media_type = file.media_type.or(media_type.clone()).filter(|kind| kind.len() <= 255);
        file.integration = Some(integration.clone());
        file.user = Some(user.clone());
        media_type.clone_from(&file.media_type);
        *media_url = self.media_url(app, &file, called);
        save(batch, version, &file);
        batch.append(files_of(user), scene.now.millis(), file.id.as_str());
        if file.held.is_some() {
            batch.job(NewJob::fetch(integration, &file));
        }
        Ok(content)
    }
}
