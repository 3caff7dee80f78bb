//! Bytes of files in a directory of this machine, or of one it shares with others.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use heliograph_connectors::channel::Incoming;
use heliograph_connectors::channel::signature::Sha256Stream;
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

use super::{Blobs, Content};
use crate::model::Blob;

/// How the name of a file ends that is not whole yet.
const DRAFT: &str = "part";

/// After that it will never be.
const DRAFT_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Two levels: as many folders as two hexadecimal digits name, and the files.
#[derive(Debug)]
pub(super) struct Directory(PathBuf);

impl Directory {
    /// A directory, which is made if it is not there.
    pub(super) fn open(dir: PathBuf) -> io::Result<Directory> {
        std::fs::create_dir_all(&dir)?;
        for entry in std::fs::read_dir(&dir)? {
            let path = entry?.path();
            // Nobody writes one for so long: whoever did is gone.
            if path.extension().is_some_and(|ending| ending == DRAFT) && is_old(&path) {
                let _ = std::fs::remove_file(path);
            }
        }
        Ok(Directory(dir))
    }

    /// Where bytes lie. A place is hexadecimal digits and dashes, so no path can be made of it that leads elsewhere.
    fn path(&self, place: &str) -> io::Result<PathBuf> {
        let is_place = (32..=128).contains(&place.len())
            && place.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        if !is_place {
            return Err(ErrorKind::InvalidInput.into());
        }
        Ok(self.0.join(&place[..2]).join(place))
    }
}

#[async_trait]
impl Blobs for Directory {
    async fn put(&self, bytes: &mut dyn Incoming) -> io::Result<Blob> {
        let chance = format!("{:016x}", rand::random::<u64>());
        // Under another name until it is whole: what has a file's name is the file.
        let draft = self.0.join(format!("{chance}.{DRAFT}"));
        let placed = match written(&draft, bytes).await {
            Ok((digest, size)) => {
                let blob = Blob { place: format!("{digest}-{chance}"), digest, size };
                self.place(&draft, &blob.place).await.map(|()| blob)
            }
            Err(error) => Err(error),
        };
        if placed.is_err() {
            let _ = fs::remove_file(&draft).await;
        }
        placed
    }

    async fn open(&self, place: &str) -> io::Result<Option<(Content, u64)>> {
        match File::open(self.path(place)?).await {
            Ok(file) => {
                let length = file.metadata().await?.len();
                Ok(Some((Box::pin(file), length)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn remove(&self, place: &str) -> io::Result<()> {
        match fs::remove_file(self.path(place)?).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Directory {
    async fn place(&self, draft: &Path, place: &str) -> io::Result<()> {
        let path = self.path(place)?;
        let folder = path.parent().unwrap_or(&self.0);
        fs::create_dir_all(folder).await?;
        fs::rename(draft, &path).await?;
        File::open(folder).await?.sync_all().await
    }
}

fn is_old(path: &Path) -> bool {
    let written = std::fs::metadata(path).and_then(|known| known.modified());
    written.is_ok_and(|written| written.elapsed().is_ok_and(|age| age > DRAFT_TIME))
}

/// Writes bytes as they come. Their digest and number, once they are on disk.
async fn written(path: &Path, bytes: &mut dyn Incoming) -> io::Result<(String, u64)> {
    let mut file = File::create(path).await?;
    let (mut digest, mut size) = (Sha256Stream::default(), 0);
    while let Some(some) = bytes.next().await? {
        digest.update(&some);
        size += some.len() as u64;
        file.write_all(&some).await?;
    }
    // What the disk refused is told to a flush, and not to a sync.
    file.flush().await?;
    file.sync_all().await?;
    Ok((hex::encode(digest.finish()), size))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn bytes_are_found_until_they_are_removed() {
        let dir = tempfile::tempdir().expect("a directory");
        let blobs = Directory::open(dir.path().join("media")).expect("a directory");
        let put = async |text: &'static str| blobs.put(&mut Bytes::from(text)).await.expect("written");
        let (one, again) = (put("abc").await, put("abc").await);
        assert_eq!(one.digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!((one.size, &one.digest), (3, &again.digest));
        assert_ne!(one.place, again.place, "what is put is never in the way of what was");
        blobs.remove(&one.place).await.expect("removed");
        blobs.remove(&one.place).await.expect("removed before");
        assert!(blobs.open(&one.place).await.expect("looked").is_none());
        let (mut content, length) = blobs.open(&again.place).await.expect("looked").expect("is there");
        let mut text = String::new();
        content.read_to_string(&mut text).await.expect("read");
        assert_eq!((text.as_str(), length), ("abc", 3));
    }

    #[test]
    fn what_a_crash_left_is_swept_away() {
        let dir = tempfile::tempdir().expect("a directory");
        let (old, new) = (dir.path().join("a.part"), dir.path().join("b.part"));
        let write = |path: &Path| std::fs::File::create(path).expect("a file");
        write(&new);
        let times = std::fs::FileTimes::new().set_modified(std::time::SystemTime::now() - 2 * DRAFT_TIME);
        write(&old).set_times(times).expect("an old file");
        Directory::open(dir.path().to_owned()).expect("a directory");
        assert!(!old.exists() && new.exists());
    }

    #[tokio::test]
    async fn nothing_outside_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let blobs = Directory::open(dir.path().to_owned()).expect("a directory");
        for place in ["../../etc/passwd", "", "short", "/etc/passwd/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
        {
            assert!(blobs.open(place).await.is_err(), "{place}");
        }
    }
}
