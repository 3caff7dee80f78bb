//! Where files that came with messages are: in a directory, under their ids, fetched from the provider when they
//! still lie there.
//!
//! What a file belongs to is in the store; here are only bytes. A bucket would take this module's place.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heliograph_connectors::channel::{Channel, ChannelError, Code, Egress, Fate};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;
use tracing::warn;

use crate::core::{Core, CoreError};
use crate::model::{App, Id, MediaFile};

/// The directory, and the door to the providers.
pub struct Media {
    dir: PathBuf,
    providers: Arc<dyn Egress>,
}

impl std::fmt::Debug for Media {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Media").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Media {
    /// Files in a directory, which is made if it is not there.
    pub fn open(dir: PathBuf, providers: Arc<dyn Egress>) -> io::Result<Media> {
        std::fs::create_dir_all(&dir)?;
        Ok(Media { dir, providers })
    }

    /// Keeps a file; when this returns it is on disk. Keeping it again changes nothing.
    pub async fn keep(&self, id: &Id<MediaFile>, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(id).ok_or(ErrorKind::InvalidInput)?;
        let folder = path.parent().unwrap_or(&self.dir);
        fs::create_dir_all(folder).await?;
        // Under another name until it is whole: what has the file's name is the file.
        let draft = folder.join(format!("{:032x}.part", rand::random::<u128>()));
        let written = write_through(&draft, bytes).await;
        let placed = match written {
            Ok(()) => fs::rename(&draft, &path).await,
            Err(error) => Err(error),
        };
        if placed.is_err() {
            let _ = fs::remove_file(&draft).await;
        }
        placed?;
        File::open(folder).await?.sync_all().await
    }

    /// A file and its length; `None` when it is not here.
    pub async fn find(&self, id: &Id<MediaFile>) -> io::Result<Option<(File, u64)>> {
        let Some(path) = self.path(id) else { return Ok(None) };
        match File::open(path).await {
            Ok(file) => {
                let length = file.metadata().await?.len();
                Ok(Some((file, length)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gets a file from its provider and keeps it. What is known about it now.
    pub async fn fetch(
        &self,
        core: &Core,
        app: &Id<App>,
        file: &MediaFile,
        channel: &dyn Channel,
    ) -> Result<MediaFile, ChannelError> {
        let gone = || ChannelError::permanent(Code::NotFound, "the file came with a hook and is not here");
        let held = file.held.as_deref().ok_or_else(gone)?;
        let media = channel.fetch(held, &*self.providers).await?;
        let mut known = file.clone();
        // Told before the file is there: whoever finds it finds its type.
        if file.media_type.is_none() && media.media_type.is_some() {
            known.media_type = media.media_type;
            core.media_is(app, &known).await.map_err(|error| not_kept(&error))?;
        }
        self.keep(&file.id, &media.bytes).await.map_err(|error| not_kept(&error))?;
        // Whose it is may have been erased meanwhile: what came too late goes again.
        if core.media(app, &file.id).await.map_err(|error| not_kept(&error))?.is_none() {
            self.discard(core, app, file).await.map_err(|error| not_kept(&error))?;
            return Err(gone());
        }
        Ok(known)
    }

    /// Takes a file away, for good: what is known of it, and its bytes when no other file has the same. Doing it again
    /// changes nothing.
    pub async fn discard(&self, core: &Core, app: &Id<App>, file: &MediaFile) -> Result<(), CoreError> {
        core.forget_media(app, file).await?;
        let Some(path) = self.path(&file.id) else { return Ok(()) };
        match fs::remove_file(path).await {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                warn!(media = %file.id, %error, "a file could not be removed");
            }
            _ => {}
        }
        Ok(())
    }

    /// The door to the providers.
    pub fn providers(&self) -> &dyn Egress {
        &*self.providers
    }

    /// Where a file lies. An id is hexadecimal, so no path can be made of it that leads elsewhere.
    fn path(&self, id: &Id<MediaFile>) -> Option<PathBuf> {
        let id = id.as_str();
        let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then(|| self.dir.join(&id[..2]).join(id))
    }
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

async fn write_through(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path).await?;
    file.write_all(bytes).await?;
    // What the disk refused is told to a flush, and not to a sync.
    file.flush().await?;
    file.sync_all().await
}
