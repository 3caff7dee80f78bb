//! Files that came with messages: each is known under an id, and the store remembers where it came from.

use std::time::Duration;

use heliograph_connectors::channel::{Content, InboundMessage, MediaSource};

use crate::model::{App, Id, Job, MediaFile, NewJob};
use crate::store::{Batch, Expect, Record, Retry};

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
        let mut batch = Batch::new(app);
        batch.put(MediaFile::KIND, file.record_id(), file, Expect::Anything, None);
        Ok(self.store.commit(batch).await?)
    }

    /// When a file that could not be had is to be asked for again; `None` when it is given up.
    pub fn fetch_again(&self, job: &Job, file: &MediaFile) -> Option<Retry> {
        let now = self.clock.now();
        let due = retry_at(&self.policy.retry, job.attempt, now)?;
        (due < file.created + FETCH_FOR).then_some(Retry { due, attempt: job.attempt + 1, keeps_lane: true })
    }

    /// What a person said, with their file under an address of ours: it can be used at once, and the file is
    /// right behind.
    pub(super) fn with_own_address(
        &self,
        scene: Scene<'_>,
        said: &InboundMessage,
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
                    id: Id::random(),
                    integration: integration.clone(),
                    held: Some(name.clone()),
                    media_type: media_type.clone(),
                    created: scene.now,
                },
            ),
            MediaSource::Enclosed(media) => (
                media.name.as_deref(),
                MediaFile {
                    id: MediaFile::enclosed_id(integration, &said.provider_id, &media.bytes),
                    integration: integration.clone(),
                    held: None,
                    media_type: media.media_type.clone().or(media_type.clone()),
                    created: scene.now,
                },
            ),
        };
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
        if file.held.is_some() {
            batch.job(NewJob::fetch(&file));
        }
        content
    }
}
