//! The bytes of files: those that people sent, fetched from hooks and providers, and those that were uploaded.
//!
//! What a file is and whose is in the store; here are only bytes, wherever [`Blobs`] keeps them.

mod directory;
mod kind;

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use heliograph_connectors::channel::{Channel, ChannelError, Code, Egress, Fate, Incoming};
use tokio::io::AsyncRead;
use tracing::warn;

use crate::core::{Core, CoreError, Once, Placed};
use crate::model::{App, Blob, Id, Integration, MediaFile};

use directory::Directory;
pub use kind::{Headed, Rejected, accepted};

/// Where bytes are. A bucket could be such a place as well as a directory.
#[async_trait]
pub trait Blobs: std::fmt::Debug + Send + Sync {
    /// Takes bytes in until they end. When this returns they are durable, at a place that nothing had before.
    async fn put(&self, bytes: &mut dyn Incoming) -> io::Result<Blob>;

    /// What lies at a place, and how many bytes; `None` when nothing does.
    async fn open(&self, place: &str) -> io::Result<Option<(Content, u64)>>;

    /// Removes what lies at a place, if anything does.
    async fn remove(&self, place: &str) -> io::Result<()>;
}

/// Bytes to be read.
pub type Content = Pin<Box<dyn AsyncRead + Send>>;

/// Where files are, and the door to the providers.
pub struct Media {
    blobs: Arc<dyn Blobs>,
    providers: Arc<dyn Egress>,
}

/// Why a file was not kept, or not found.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// What is known of it.
    #[error(transparent)]
    Store(#[from] CoreError),
    /// Its bytes.
    #[error(transparent)]
    Bytes(#[from] io::Error),
}

impl std::fmt::Debug for Media {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Media").field("blobs", &self.blobs).finish_non_exhaustive()
    }
}

impl Media {
    /// Files in a directory, which is made if it is not there.
    pub fn open(dir: PathBuf, providers: Arc<dyn Egress>) -> io::Result<Media> {
        Ok(Media { blobs: Arc::new(Directory::open(dir)?), providers })
    }

    /// Keeps a new file; when this returns it is there to stay.
    pub async fn keep(
        &self,
        core: &Core,
        app: &Id<App>,
        file: &MediaFile,
        bytes: &mut dyn Incoming,
    ) -> Result<MediaFile, MediaError> {
        let blob = self.blobs.put(bytes).await?;
        let lost = self.lost(core, app, &blob).await?;
        let kept = core.keep_media(app, file, &blob, lost.as_deref()).await.map(Some);
        let kept = self.settled(&blob, kept).await?;
        Ok(kept.unwrap_or_else(|| file.clone()))
    }

    /// Keeps a file that came with a hook, once. Its owner is known when its message is.
    pub async fn keep_enclosed(
        &self,
        core: &Core,
        app: &Id<App>,
        integration: &Id<Integration>,
        (message, media): (&str, &heliograph_connectors::channel::Media),
    ) -> Result<Id<MediaFile>, MediaError> {
        let id = MediaFile::enclosed_id(integration, message, &media.bytes);
        if core.media(app, &id).await?.is_none() {
            let mut file = MediaFile::new(id.clone(), core.now());
            file.integration = Some(integration.clone());
            file.media_type =
                kind::seen(&media.bytes, media.media_type.as_deref()).filter(|kind| is_short(kind));
            self.keep(core, app, &file, &mut media.bytes.clone()).await?;
        }
        Ok(id)
    }

    /// A file's bytes and how many they are; `None` when they are not here.
    pub async fn find(
        &self,
        core: &Core,
        app: &Id<App>,
        file: &MediaFile,
    ) -> Result<Option<(Content, u64)>, MediaError> {
        let place = match &file.digest {
            Some(digest) => core.place_of(app, digest).await?,
            None => Some(file.id.to_string()),
        };
        let Some(place) = place else { return Ok(None) };
        Ok(self.blobs.open(&place).await?)
    }

    /// Gets a file from its provider and keeps it. What is known about it now.
    pub async fn fetch(
        &self,
        core: &Core,
        app: &Id<App>,
        file: &MediaFile,
        channel: &dyn Channel,
    ) -> Result<MediaFile, ChannelError> {
        let gone = |why: &str| ChannelError::permanent(Code::NotFound, why);
        let held = file.held.as_deref().ok_or_else(|| gone("the file came to us and is not here"))?;
        let mut arriving = channel.fetch(held, &*self.providers).await?;
        let mut bytes = Headed::of(&mut *arriving.bytes).await.map_err(not_whole)?;
        let word = arriving.media_type.as_deref().or(file.media_type.as_deref());
        let media_type = kind::seen(bytes.head(), word).filter(|kind| is_short(kind));
        let blob = self.blobs.put(&mut bytes).await.map_err(not_whole)?;
        let lost = self.lost(core, app, &blob).await.map_err(|error| not_kept(&error))?;
        let came = core.media_came(app, &file.id, &blob, media_type.as_deref(), lost.as_deref()).await;
        let came = self.settled(&blob, came).await.map_err(|error| not_kept(&error))?;
        came.ok_or_else(|| gone("the file was taken away meanwhile"))
    }

    /// Takes a file away, for good: what is known of it, and its bytes when no other file has the same. Doing it again
    /// changes nothing.
    pub async fn discard(&self, core: &Core, app: &Id<App>, file: &MediaFile) -> Result<(), CoreError> {
        let place = core.forget_media(app, file, None).await?;
        self.emptied(place).await;
        Ok(())
    }

    /// The same, for a request that is to have its effect once.
    pub async fn discard_once(
        &self,
        core: &Core,
        app: &Id<App>,
        file: &MediaFile,
        once: Once<'_, ()>,
    ) -> Result<(), CoreError> {
        let place = core.forget_media(app, file, Some(&once)).await?;
        self.emptied(place).await;
        Ok(())
    }

    /// Removes bytes that are no file's any more.
    pub async fn unlink(&self, place: &str) -> io::Result<()> {
        self.blobs.remove(place).await
    }

    /// The door to the providers.
    pub fn providers(&self) -> &dyn Egress {
        &*self.providers
    }

    /// Removes bytes at once that a job would remove soon.
    async fn emptied(&self, place: Option<String>) {
        let Some(place) = place else { return };
        if let Err(error) = self.blobs.remove(&place).await {
            warn!(%error, "bytes of a file could not be removed yet");
        }
    }

    /// Where bytes such as these should lie and do not, because a disk was lost or left behind.
    async fn lost(&self, core: &Core, app: &Id<App>, blob: &Blob) -> Result<Option<String>, MediaError> {
        let looked = async {
            let Some(place) = core.place_of(app, &blob.digest).await? else { return Ok(None) };
            Ok(self.blobs.open(&place).await?.is_none().then_some(place))
        };
        let looked = looked.await;
        if looked.is_err() {
            self.emptied(Some(blob.place.clone())).await;
        }
        looked
    }

    /// Removes what was put down for nothing: the same bytes were there before, or they are nobody's.
    async fn settled(
        &self,
        blob: &Blob,
        placed: Result<Option<Placed>, CoreError>,
    ) -> Result<Option<MediaFile>, CoreError> {
        let is_needed = match &placed {
            Ok(placed) => placed.as_ref().is_some_and(|placed| placed.place == blob.place),
            // Nobody knows whether they are somebody's now.
            Err(error) => error.is_unavailable(),
        };
        if !is_needed {
            self.emptied(Some(blob.place.clone())).await;
        }
        Ok(placed?.map(|placed| placed.file))
    }
}

/// A type is a header; one that is too long for that is none.
fn is_short(media_type: &str) -> bool {
    media_type.len() <= 255
}

fn not_kept(why: &dyn std::error::Error) -> ChannelError {
    ChannelError {
        fate: Fate::Transient { maybe_sent: false },
        code: Code::UncategorizedError,
        detail: format!("the file could not be kept: {why}"),
        provider_code: None,
        underlying: None,
    }
}

fn not_whole(why: io::Error) -> ChannelError {
    if why.kind() == ErrorKind::FileTooLarge {
        return ChannelError::permanent(Code::PayloadTooLarge, "the file is larger than files may be");
    }
    not_kept(&why)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use bytes::Bytes;
    use heliograph_connectors::channel::{EgressError, Request, Response};
    use tempfile::TempDir;

    use super::*;
    use crate::core::Policy;
    use crate::model::SystemClock;
    use crate::store::{self, Batch, Expect};

    /// A door that leads nowhere.
    struct Shut;

    #[async_trait]
    impl Egress for Shut {
        async fn call(&self, _: Request) -> Result<Response, EgressError> {
            Err(EgressError::NotSent("shut".into()))
        }

        async fn download(&self, request: Request) -> Result<Response, EgressError> {
            self.call(request).await
        }
    }

    struct Stage {
        dir: TempDir,
        media: Media,
        store: Arc<dyn store::Store>,
        core: Core,
        app: Id<App>,
    }

    impl Stage {
        async fn set() -> Stage {
            let (dir, clock) = (tempfile::tempdir().expect("a directory"), Arc::new(SystemClock));
            let store = store::open("embedded::memory:", 1, clock.clone()).await.expect("a store");
            let policy = Policy::lasting(Duration::from_secs(3600));
            let core = Core::new(store.clone(), clock, policy, |_, _| true, Arc::default());
            let media = Media::open(dir.path().to_owned(), Arc::new(Shut)).expect("a directory");
            Stage { dir, media, store, core, app: Id::new("app") }
        }

        async fn keep(&self, text: &'static str) -> MediaFile {
            let file = MediaFile::new(Id::random(), self.core.now());
            let kept = self.media.keep(&self.core, &self.app, &file, &mut Bytes::from(text)).await;
            kept.expect("kept")
        }

        async fn is_there(&self, file: &MediaFile) -> bool {
            self.media.find(&self.core, &self.app, file).await.expect("looked").is_some()
        }

        async fn discard(&self, file: &MediaFile) {
            self.media.discard(&self.core, &self.app, file).await.expect("discarded");
        }

        /// The files on disk.
        fn on_disk(&self) -> Vec<PathBuf> {
            let list = |dir: &Path| -> Vec<PathBuf> {
                let entries = std::fs::read_dir(dir).expect("a directory");
                entries.map(|entry| entry.expect("an entry").path()).collect()
            };
            let (folders, mut files): (Vec<_>, Vec<_>) =
                list(self.dir.path()).into_iter().partition(|path| path.is_dir());
            files.extend(folders.iter().flat_map(|folder| list(folder)));
            files
        }
    }

    #[tokio::test]
    async fn the_same_bytes_lie_once_until_their_last_file_goes() {
        let stage = Stage::set().await;
        let (one, two, other) = (stage.keep("abc").await, stage.keep("abc").await, stage.keep("abd").await);
        assert_eq!((one.size, &one.digest), (Some(3), &two.digest));
        assert_eq!(stage.on_disk().len(), 2);
        stage.discard(&one).await;
        stage.discard(&one).await;
        assert!(stage.is_there(&two).await && stage.is_there(&other).await);
        stage.discard(&two).await;
        assert!(!stage.is_there(&two).await && stage.is_there(&other).await);
        assert_eq!(stage.on_disk().len(), 1);
    }

    #[tokio::test]
    async fn bytes_that_a_disk_lost_are_there_again_when_they_come_again() {
        let stage = Stage::set().await;
        let one = stage.keep("abc").await;
        std::fs::remove_file(&stage.on_disk()[0]).expect("removed");
        assert!(!stage.is_there(&one).await);
        let two = stage.keep("abc").await;
        assert!(stage.is_there(&one).await && stage.is_there(&two).await);
    }

    #[tokio::test]
    async fn what_was_kept_under_its_id_is_found_and_taken_away() {
        let stage = Stage::set().await;
        let file = MediaFile::new(Id::random(), stage.core.now());
        let mut batch = Batch::new(&stage.app);
        batch.put("media", file.id.as_str(), &file, Expect::Absent, None);
        stage.store.commit(batch).await.expect("written");
        let folder = stage.dir.path().join(&file.id.as_str()[..2]);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(file.id.as_str()), "abc").expect("a file");
        assert!(stage.is_there(&file).await);
        stage.discard(&file).await;
        assert!(!stage.is_there(&file).await);
        assert!(stage.on_disk().is_empty());
    }
}
