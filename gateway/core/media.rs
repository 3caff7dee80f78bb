//! Files that came with messages: each is known under an id, and the store remembers where it came from.

use std::time::Duration;

use heliograph_connectors::channel::{Content, InboundMessage, MediaSource};

use crate::model::{App, Id, Job, MediaFile, NewJob, User};
use crate::store::{Batch, Cut, Expect, Record, Retry, StoreError};

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
fn files_of(user: &Id<User>) -> String {
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

    /// Remembers what was learnt about a file.
    pub async fn media_is(&self, app: &Id<App>, file: &MediaFile) -> Result<(), CoreError> {
        // One that was taken away meanwhile stays away.
        let Some(read) = self.store.load::<MediaFile>(app, file.id.as_str()).await? else { return Ok(()) };
        let mut batch = Batch::new(app);
        batch.put(MediaFile::KIND, file.record_id(), file, Expect::Version(read.version), None);
        match self.store.commit(batch).await {
            // Somebody else learnt the same, or took it away.
            Err(StoreError::Conflict(_)) => Ok(()),
            written => Ok(written?),
        }
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

    /// Forgets a file. Its bytes are whoever calls to take away.
    pub async fn forget_media(&self, app: &Id<App>, file: &MediaFile) -> Result<(), CoreError> {
        let mut batch = Batch::new(app);
        batch.delete(MediaFile::KIND, file.record_id());
        if let Some(user) = &file.user {
            batch.remove(files_of(user), file.id.as_str());
        }
        Ok(self.store.commit(batch).await?)
    }

    /// What a person said, with their file under an address of ours: it can be used at once, and the file is
    /// right behind.
    pub(super) fn with_own_address(
        &self,
        scene: Scene<'_>,
        said: &InboundMessage,
        user: &Id<User>,
        batch: &mut Batch,
    ) -> Content {
        let mut content = said.content.clone();
        let Some(source) = &said.media else { return content };
        let (Content::Image { media_url, media_type, .. } | Content::File { media_url, media_type, .. }) =
            &mut content
        else {
            return content;
        };
        let integration = &scene.integration.id;
        let (called, mut file) = match source {
            MediaSource::Held(name) => (
                Some(name.as_str()),
                MediaFile {
                    held: Some(name.clone()),
                    media_type: media_type.clone(),
                    ..MediaFile::new(Id::random(), scene.now)
                },
            ),
            MediaSource::Enclosed(media) => (
                media.name.as_deref(),
                MediaFile {
                    media_type: media.media_type.clone().or(media_type.clone()),
                    ..MediaFile::new(
                        MediaFile::enclosed_id(integration, &said.provider_id, &media.bytes),
                        scene.now,
                    )
                },
            ),
        };
        file.integration = Some(integration.clone());
        file.user = Some(user.clone());
        file.media_type = file.media_type.filter(|kind| kind.len() <= 255);
        media_type.clone_from(&file.media_type);
        *media_url = format!(
            "{}/media/{}/{}/{}",
            self.policy.public_base,
            scene.tenant.app.id,
            file.id,
            file.shown_name(called)
        );
        batch.put(MediaFile::KIND, file.record_id(), &file, Expect::Anything, None);
        batch.append(files_of(user), scene.now.millis(), file.id.as_str());
        if file.held.is_some() {
            batch.job(NewJob::fetch(integration, &file));
        }
        content
    }
}
