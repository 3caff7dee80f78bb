//! A file of things to be done later, when the store is away: appended and synced one by one, done in their order.
//!
//! What it holds is the business of whoever fills it. It may be done again after a crash, so doing it twice must
//! change nothing.

use std::io::{self, ErrorKind, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use heliograph_connectors::channel::signature::sha256;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::{Mutex, Notify};

/// Bytes of one entry: what is larger is somebody's attachment and not worth a small file.
pub const ENTRY_MAX: usize = 1 << 20;

/// Bytes of the file: hours of hooks, and little for a disk.
const FILE_MAX: u64 = 256 << 20;

/// Before each entry: its length in four bytes, and the first eight of its digest, by which a torn one is known.
const HEAD: usize = 12;

/// The file.
#[derive(Debug)]
pub struct Spool {
    /// Appending has an order, so one waits for the other's disk.
    file: Mutex<Places>,
    /// Bytes not done yet, and in how many entries, for looking without waiting.
    left: AtomicU64,
    entries: AtomicU64,
    added: Notify,
    most: u64,
}

/// The file, and how far it is written and done.
#[derive(Debug)]
struct Places {
    file: File,
    end: u64,
    done: u64,
    entries: u64,
}

impl Spool {
    /// Opens the file, made if need be and ours alone, and cuts off what a crash left unfinished.
    pub fn open(path: &Path) -> io::Result<Spool> {
        Spool::bounded(path, FILE_MAX)
    }

    fn bounded(path: &Path, most: u64) -> io::Result<Spool> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = open_private(path)?;
        file.try_lock().map_err(io::Error::from)?;
        let (end, entries) = whole(&file)?;
        file.set_len(end)?;
        let places = Places { file: File::from_std(file), end, done: 0, entries };
        let (left, entries) = (AtomicU64::new(end), AtomicU64::new(entries));
        Ok(Spool { file: Mutex::new(places), left, entries, added: Notify::new(), most })
    }

    /// How many entries are not done, and their bytes.
    pub fn waiting(&self) -> (u64, u64) {
        (self.entries.load(Ordering::Acquire), self.left.load(Ordering::Acquire))
    }

    fn show(&self, places: &Places) {
        self.left.store(places.end - places.done, Ordering::Release);
        self.entries.store(places.entries, Ordering::Release);
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.left.load(Ordering::Acquire) == 0
    }

    /// Adds an entry; when this returns it is on disk.
    pub async fn append(&self, entry: &[u8]) -> io::Result<()> {
        if entry.len() > ENTRY_MAX {
            return Err(ErrorKind::FileTooLarge.into());
        }
        let mut frame = Vec::with_capacity(HEAD + entry.len());
        frame.extend((entry.len() as u32).to_le_bytes());
        frame.extend(&sha256(entry)[..8]);
        frame.extend(entry);
        let mut places = self.file.lock().await;
        if places.end + frame.len() as u64 > self.most {
            return Err(ErrorKind::QuotaExceeded.into());
        }
        if let Err(error) = places.add(&frame).await {
            // Half an entry would hide all that follow it.
            places.file.set_len(places.end).await?;
            return Err(error);
        }
        places.end += frame.len() as u64;
        places.entries += 1;
        self.show(&places);
        drop(places);
        self.added.notify_one();
        Ok(())
    }

    /// The first entry that is not done; waits until there is one.
    pub async fn next(&self) -> io::Result<Vec<u8>> {
        loop {
            let added = self.added.notified();
            if let Some(entry) = self.first().await? {
                return Ok(entry);
            }
            added.await;
        }
    }

    /// The first entry is done.
    pub async fn done(&self) -> io::Result<()> {
        let mut places = self.file.lock().await;
        if let Some(entry) = places.read().await? {
            places.done += (HEAD + entry.len()) as u64;
            places.entries -= 1;
        }
        if places.done >= places.end {
            places.file.set_len(0).await?;
            places.file.sync_data().await?;
            (places.end, places.done, places.entries) = (0, 0, 0);
        }
        self.show(&places);
        Ok(())
    }

    async fn first(&self) -> io::Result<Option<Vec<u8>>> {
        self.file.lock().await.read().await
    }
}

impl Places {
    async fn add(&mut self, frame: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.end)).await?;
        self.file.write_all(frame).await?;
        // What the disk refused is told to a flush, and not to a sync.
        self.file.flush().await?;
        self.file.sync_data().await
    }

    /// The entry at the place that is done next.
    async fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.done >= self.end {
            return Ok(None);
        }
        self.file.seek(SeekFrom::Start(self.done)).await?;
        let mut head = [0; HEAD];
        self.file.read_exact(&mut head).await?;
        let mut entry = vec![0; length(&head)];
        self.file.read_exact(&mut entry).await?;
        Ok(Some(entry))
    }
}

fn length(head: &[u8; HEAD]) -> usize {
    u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize
}

/// How far the file holds whole entries, and how many.
fn whole(file: &std::fs::File) -> io::Result<(u64, u64)> {
    use std::io::Read;
    let mut reader = io::BufReader::new(file);
    let (mut end, mut entries) = (0, 0);
    loop {
        let mut head = [0; HEAD];
        if !filled(reader.read_exact(&mut head))? || length(&head) > ENTRY_MAX {
            return Ok((end, entries));
        }
        let mut entry = vec![0; length(&head)];
        if !filled(reader.read_exact(&mut entry))? || sha256(&entry)[..8] != head[4..] {
            return Ok((end, entries));
        }
        end += (HEAD + entry.len()) as u64;
        entries += 1;
    }
}

fn filled(read: io::Result<()>) -> io::Result<bool> {
    match read {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// People's words stand in it.
fn open_private(path: &Path) -> io::Result<std::fs::File> {
    let mut options = std::fs::File::options();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn text(spool: &Spool) -> String {
        String::from_utf8(spool.next().await.expect("it reads")).expect("text")
    }

    #[tokio::test]
    async fn entries_come_in_their_order_until_they_are_done() {
        let folder = tempfile::tempdir().expect("a place");
        let path = folder.path().join("deep/spool");
        let spool = Spool::open(&path).expect("it opens");
        assert!(spool.is_empty());
        spool.append(b"one").await.expect("on disk");
        spool.append(b"two").await.expect("on disk");
        assert_eq!((text(&spool).await, text(&spool).await), ("one".into(), "one".into()));
        assert!(Spool::open(&path).is_err(), "it is ours");
        spool.done().await.expect("it moves on");
        assert_eq!((text(&spool).await, spool.is_empty()), ("two".into(), false));
        assert_eq!(spool.waiting(), (1, (HEAD + 3) as u64));
        spool.done().await.expect("it is emptied");
        assert_eq!((spool.is_empty(), spool.waiting()), (true, (0, 0)));
        assert_eq!(std::fs::metadata(&path).expect("a file").len(), 0);
    }

    #[tokio::test]
    async fn what_was_torn_is_cut_off_and_the_rest_is_kept() {
        let folder = tempfile::tempdir().expect("a place");
        let path = folder.path().join("spool");
        let spool = Spool::open(&path).expect("it opens");
        spool.append(b"whole").await.expect("on disk");
        let whole = std::fs::metadata(&path).expect("a file").len();
        spool.append(b"torn").await.expect("on disk");
        drop(spool);
        for cut in 1..=15 {
            std::fs::copy(&path, folder.path().join("cut")).expect("a copy");
            let copy = std::fs::File::options().write(true).open(folder.path().join("cut")).expect("a file");
            copy.set_len(whole + 16 - cut).expect("a cut");
            let spool = Spool::open(&folder.path().join("cut")).expect("it opens");
            assert_eq!(spool.waiting(), (1, whole));
            spool.append(b"after").await.expect("on disk");
            assert_eq!(text(&spool).await, "whole");
            spool.done().await.expect("it moves on");
            assert_eq!(text(&spool).await, "after");
        }
    }

    #[tokio::test]
    async fn it_has_a_bound() {
        let folder = tempfile::tempdir().expect("a place");
        let spool = Spool::bounded(&folder.path().join("spool"), 40).expect("it opens");
        spool.append(&[b'x'; 20]).await.expect("on disk");
        assert!(spool.append(&[b'x'; 20]).await.is_err());
        assert!(spool.append(&vec![b'x'; ENTRY_MAX + 1]).await.is_err());
        spool.done().await.expect("it is emptied");
        spool.append(&[b'x'; 20]).await.expect("there is room again");
    }
}
