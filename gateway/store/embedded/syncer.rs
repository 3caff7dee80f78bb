//! The thread that waits for the disk, so that the writer can make the next transaction meanwhile.
//!
//! SQLite is told not to sync the log at each commit. Instead the log is synced here, and whatever depends on a
//! commit (its answer, what the cache learns of it, the bells, what was looked at after it) is held back until then.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use super::super::StoreError;
use super::cache::{Cache, Written};
use super::writer::Answer;
use super::{Bells, unavailable};

/// Rounds that may wait while one is synced: the writer is at most so far ahead of the disk.
const AHEAD: usize = 1;

/// What one round of the writer made.
#[derive(Default)]
pub(super) struct Round {
    /// A transaction, committed and not durable yet.
    pub(super) commit: Option<Commit>,
    /// Answers to looks at the database.
    pub(super) words: Vec<Word>,
}

/// Says to somebody what was found.
pub(super) type Word = Box<dyn FnOnce() + Send>;

/// A committed transaction.
pub(super) struct Commit {
    pub(super) answers: Vec<(Answer, Result<usize, StoreError>)>,
    pub(super) written: Vec<Written>,
    /// Slots where there may be work.
    pub(super) rung: Vec<u8>,
}

/// The way to the thread.
pub(super) struct Syncer {
    rounds: Option<mpsc::SyncSender<Round>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

struct Shared {
    cache: Arc<Cache>,
    bells: Bells,
    /// Rounds handed over and not answered.
    open: AtomicUsize,
    /// A sync failed, so that nobody knows what of the log is on the disk. What was committed behind it is as little
    /// durable as it is, though the next sync may work.
    in_doubt: AtomicBool,
}

impl Syncer {
    /// One for a database in a directory, whose log is given, or for one in memory.
    pub(super) fn start(log: Option<File>, cache: Arc<Cache>, bells: Bells) -> io::Result<Syncer> {
        match log {
            Some(log) => Syncer::with(move || log.sync_data(), cache, bells),
            None => Ok(Syncer { rounds: None, thread: None, shared: Shared::new(cache, bells) }),
        }
    }

    fn with(
        sync: impl FnMut() -> io::Result<()> + Send + 'static,
        cache: Arc<Cache>,
        bells: Bells,
    ) -> io::Result<Syncer> {
        let shared = Shared::new(cache, bells);
        let (rounds, waiting) = mpsc::sync_channel(AHEAD);
        let theirs = shared.clone();
        let thread = thread::Builder::new().name("store-sync".into());
        let thread = thread.spawn(move || serve(&waiting, sync, &theirs))?;
        Ok(Syncer { rounds: Some(rounds), thread: Some(thread), shared })
    }

    /// Answers a round when all that was committed up to it is durable. Waits when the disk is far behind.
    pub(super) fn take(&self, round: Round) {
        let is_free = round.commit.is_none() && self.shared.open.load(Ordering::Acquire) == 0;
        match &self.rounds {
            Some(rounds) if !is_free => {
                self.shared.open.fetch_add(1, Ordering::AcqRel);
                // The thread ends only when this sender is gone.
                let _ = rounds.send(round);
            }
            _ => self.shared.answer(round, Ok(())),
        }
    }

    /// Whether a sync failed since the log was last known to be whole.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.shared.in_doubt.load(Ordering::Acquire)
    }

    /// Nothing depends on the log as it was any more.
    pub(super) fn settle_doubt(&self) {
        self.shared.in_doubt.store(false, Ordering::Release);
    }

    /// As after a sync that failed.
    #[cfg(test)]
    pub(super) fn doubt(&self) {
        self.shared.in_doubt.store(true, Ordering::Release);
    }

    /// Answers all that is open, then ends.
    pub(super) fn close(&mut self) {
        self.rounds = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to say, even if it panicked.
            let _ = thread.join();
        }
    }
}

/// The log of a database, to be synced. It is no database file, so closing it drops no lock of SQLite's.
pub(super) fn log_of(database: &Path) -> io::Result<File> {
    let mut file = database.as_os_str().to_owned();
    file.push("-wal");
    File::options().write(true).open(file)
}

fn serve(waiting: &mpsc::Receiver<Round>, mut sync: impl FnMut() -> io::Result<()>, shared: &Shared) {
    while let Ok(first) = waiting.recv() {
        // One sync serves all that was committed before it.
        let mut rounds = vec![first];
        rounds.extend(waiting.try_iter());
        let has_commits = rounds.iter().any(|round| round.commit.is_some());
        let synced = match has_commits {
            true if shared.in_doubt.load(Ordering::Acquire) => Err(io::Error::other("the log is in doubt")),
            true => sync().inspect_err(|_| shared.in_doubt.store(true, Ordering::Release)),
            false => Ok(()),
        };
        for round in rounds {
            shared.answer(round, synced.as_ref().map(drop));
            shared.open.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Shared {
    fn new(cache: Arc<Cache>, bells: Bells) -> Arc<Shared> {
        let (open, in_doubt) = (AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Shared { cache, bells, open, in_doubt })
    }

    fn answer(&self, round: Round, synced: Result<(), &io::Error>) {
        if let Some(Commit { answers, written, rung }) = round.commit {
            match synced {
                Ok(()) => self.cache.learn(written),
                // The database has them, but perhaps not for ever.
                Err(_) => self.cache.learn(written.into_iter().map(|(name, _)| (name, None)).collect()),
            }
            for (answer, outcome) in answers {
                let outcome = synced.map_err(unavailable).and(outcome);
                // Who asked may have gone away.
                let _ = answer.send(outcome);
            }
            for slot in rung {
                if let Some(bell) = self.bells.get(usize::from(slot)) {
                    bell.notify_one();
                }
            }
        }
        round.words.into_iter().for_each(|word| word());
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    fn round(answer: Answer) -> Round {
        let commit = Commit { answers: vec![(answer, Ok(1))], written: Vec::new(), rung: Vec::new() };
        Round { commit: Some(commit), words: Vec::new() }
    }

    #[test]
    fn nothing_is_said_before_the_disk_answers() {
        let (go_on, disk) = mpsc::channel();
        let sync = move || disk.recv().map_err(io::Error::other);
        let mut syncer = Syncer::with(sync, Arc::default(), Arc::new([])).expect("a thread");
        let (answer, mut answered) = oneshot::channel();
        syncer.take(round(answer));
        let (said, saying) = mpsc::channel();
        let word: Word = Box::new(move || said.send(()).expect("somebody listens"));
        syncer.take(Round { commit: None, words: vec![word] });
        assert!(answered.try_recv().is_err() && saying.try_recv().is_err());
        go_on.send(()).expect("the disk works");
        assert!(saying.recv().is_ok());
        assert!(matches!(answered.try_recv(), Ok(Ok(1))));
        syncer.close();
        assert!(!syncer.is_in_doubt());
    }

    #[test]
    fn a_sync_that_fails_is_no_success_and_leaves_a_doubt() {
        let mut disk = [Err(io::Error::other("the disk is gone"))].into_iter();
        let sync = move || disk.next().unwrap_or(Ok(()));
        let mut syncer = Syncer::with(sync, Arc::default(), Arc::new([])).expect("a thread");
        // The second was committed before the first had failed: it lies behind a hole, whatever its own sync says.
        for _ in 0..2 {
            let (answer, answered) = oneshot::channel();
            syncer.take(round(answer));
            let refused = answered.blocking_recv().expect("an answer");
            assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
            assert!(syncer.is_in_doubt());
        }
        syncer.settle_doubt();
        let (answer, answered) = oneshot::channel();
        syncer.take(round(answer));
        assert!(matches!(answered.blocking_recv(), Ok(Ok(1))));
        syncer.close();
    }
}
