//! The embedded store under `kill -9`: a child process commits and says what was acknowledged, the parent kills it,
//! opens the same directory and looks.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use heliograph::model::{App, Clock, Id, NewJob, SystemClock, Work};
use heliograph::store::{Batch, Cut, Expect, Key, Queue, Store, slot_of};
use libtest_mimic::Failed;
use tempfile::TempDir;

/// Names the directory to the child.
const PLACE: &str = "HELIOGRAPH_TEST_CRASH_PLACE";

const KILLS: u64 = 6;

const PRODUCERS: usize = 16;

/// How long a store may take to open after a kill.
const OPENING: Duration = Duration::from_secs(2);

/// Where to commit, if this process is the child.
pub(crate) fn victim() -> Option<PathBuf> {
    std::env::var_os(PLACE).map(PathBuf::from)
}

/// The child's whole life: numbered batches, each printed once it is acknowledged.
pub(crate) async fn commit_until_killed(place: &Path) -> ExitCode {
    let store = super::open(&url(place)).await.unwrap_or_else(|_| panic!("{} opens", place.display()));
    let run: u32 = rand::random();
    let producers = (0..PRODUCERS).map(|producer| {
        let store = store.clone();
        tokio::spawn(async move {
            for number in 0_u64.. {
                let name = format!("{run}.{producer}.{number}");
                store.commit(numbered(&name)).await.expect("the batch is committed");
                println!("{name}");
            }
        })
    });
    for producer in producers.collect::<Vec<_>>() {
        producer.await.expect("it goes on until it is killed");
    }
    ExitCode::FAILURE
}

fn app() -> Id<App> {
    Id::new("5963c0d619a30a2e00de36b8")
}

/// One batch of everything, all of it under one name.
fn numbered(name: &str) -> Batch {
    let mut batch = Batch::new(&app());
    batch.put("note", name, &name, Expect::Absent, None);
    batch.append("all", 1, name);
    batch.job(job(name));
    batch
}

fn job(name: &str) -> NewJob {
    NewJob {
        id: Id::new(name),
        group: "group".into(),
        lane: name.into(),
        due: SystemClock.now(),
        work: Work::Send { delivery: Id::new(name) },
    }
}

/// Kills a child again and again over one directory. Whatever was acknowledged is there, and nothing is there by
/// half.
pub(crate) fn kill_and_look() -> Result<(), Failed> {
    let place = TempDir::new()?;
    let place = place.path().join("store");
    let mut acknowledged = Vec::new();
    for kill in 0..KILLS {
        let mut child =
            Command::new(std::env::current_exe()?).env(PLACE, &place).stdout(Stdio::piped()).spawn()?;
        let lines = read_for(&mut child, Duration::from_millis(40 + 60 * kill))?;
        assert!(!lines.is_empty(), "nothing was acknowledged before the kill");
        acknowledged.extend(lines);
        super::RUNTIME.block_on(look(&place, &acknowledged))?;
    }
    Ok(())
}

/// Kills the child so long after its first word, and returns all that it said.
fn read_for(child: &mut Child, time: Duration) -> Result<Vec<String>, Failed> {
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut said: Vec<String> = lines.next().transpose()?.into_iter().collect();
    let reader = std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>());
    std::thread::sleep(time);
    child.kill()?;
    child.wait()?;
    said.extend(reader.join().expect("the reader ends with the pipe"));
    Ok(said)
}

async fn look(place: &Path, acknowledged: &[String]) -> Result<(), Failed> {
    let begun = Instant::now();
    let store = super::open(&url(place)).await?;
    assert!(begun.elapsed() < OPENING, "it took {:?} to open", begun.elapsed());
    let list = store.page(&app(), "all", Cut::Newest { limit: usize::MAX }).await?;
    let listed: std::collections::HashSet<String> = list.into_iter().map(|entry| entry.member).collect();
    for name in acknowledged {
        assert!(listed.contains(name), "{name} was acknowledged and is gone");
    }
    let keys: Vec<Key> = listed.iter().map(|name| Key::new("note", name)).collect();
    let found = store.read(&app(), &keys).await?;
    assert!(found.iter().all(Option::is_some), "an entry came without its document");
    assert_eq!(jobs(&store).await?, listed, "each comes with its job");
    store.close().await;
    Ok(())
}

async fn jobs(store: &Arc<dyn Store>) -> Result<std::collections::HashSet<String>, Failed> {
    let queue = Queue { shard: 0, slot: slot_of(&job("any")) };
    let epoch = store.lease(queue).await?;
    let jobs = store.claim(queue, epoch, "group", SystemClock.now(), usize::MAX).await?;
    Ok(jobs.into_iter().map(|job| job.id.to_string()).collect())
}

fn url(place: &Path) -> String {
    format!("embedded:{}", place.display())
}
