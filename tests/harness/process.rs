//! One run of the real binary: started, waited for, killed or asked to stop, always by its own process id.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::wait::eventually;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_heliograph");

/// Another build of it, to measure: a release build, say.
const BINARY_SETTING: &str = "HELIOGRAPH_TEST_BINARY";

/// In which parts of a second Linux counts processor time for programs.
const TICKS: u64 = 100;

fn binary() -> OsString {
    std::env::var_os(BINARY_SETTING).unwrap_or_else(|| BINARY.into())
}

/// A process' memory in kB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) rss: u64,
    /// As `rss`, but of what it shares with others only its share.
    pub(crate) pss: u64,
    /// What of it the process holds for itself, without its code, which comes and goes and is shared with others.
    pub(crate) own: u64,
}

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [rss, pss, own] = [self.rss, self.pss, self.own].map(|kilobytes| kilobytes as f64 / 1024.0);
        write!(f, "RSS {rss:.1} MB, PSS {pss:.1} MB ({own:.1} MB its own)")
    }
}

/// A running `heliograph` that has said it is ready.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
    addresses: HashMap<String, String>,
}

impl Process {
    /// Runs the binary with these arguments and waits for its `ready …` line. What it logs is added to `log`.
    pub(crate) async fn start(arguments: &[&str], log: &Path) -> Self {
        Self::run(Command::new(binary()), arguments, log).await
    }

    /// The same, with files that cannot grow beyond so many bytes: a disk that is soon full.
    pub(crate) async fn start_bounded(arguments: &[&str], log: &Path, bytes: u64) -> Self {
        let mut command = Command::new("prlimit");
        command.arg(format!("--fsize={bytes}:unlimited"));
        // The signal would end the process where a full disk only fails the write.
        command.args(["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(binary());
        Self::run(command, arguments, log).await
    }

    async fn run(mut command: Command, arguments: &[&str], log: &Path) -> Self {
        let mut child = command
            .args(arguments)
            .current_dir(log.parent().expect("the log lies in a folder"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(appending(log))
            .spawn()
            .expect("the binary starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        let (say, mut hear) = tokio::sync::mpsc::unbounded_channel();
        // Keeps reading after the ready line: a full pipe would stop the process.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if line.starts_with("ready ") {
                    let _ = say.send(line);
                }
            }
        });
        let mut process = Self { child, log: log.to_owned(), addresses: HashMap::new() };
        let line = eventually("the ready line", async || {
            let exited = process.child.try_wait().expect("the process can be asked");
            assert!(exited.is_none(), "{arguments:?} ended early ({exited:?}):\n{}", process.log_text());
            hear.try_recv().ok()
        })
        .await;
        process.addresses = addresses(&line);
        process
    }

    /// The address of `api`, `admin` or `sim` in the ready line.
    pub(crate) fn address(&self, name: &str) -> Option<&str> {
        self.addresses.get(name).map(String::as_str)
    }

    /// Lets files grow again.
    pub(crate) fn unbound(&self) {
        let pid = self.child.id().to_string();
        let set = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]).status();
        assert!(set.expect("prlimit is there").success(), "the bound could not be taken away");
    }

    /// How much memory it takes now.
    pub(crate) fn memory(&self) -> Memory {
        let path = format!("/proc/{}/smaps_rollup", self.child.id());
        let text = std::fs::read_to_string(path).expect("the system tells what a process takes");
        let of = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a line of this name");
            line.trim().trim_end_matches(" kB").parse().expect("a number")
        };
        Memory { rss: of("Rss:"), pss: of("Pss:"), own: of("Pss_Anon:") }
    }

    /// The processor time it took since it was started.
    pub(crate) fn cpu(&self) -> Duration {
        let path = format!("/proc/{}/stat", self.child.id());
        let text = std::fs::read_to_string(path).expect("the system tells what a process takes");
        // Its name comes before them, in brackets, and may hold anything.
        let (_, fields) = text.rsplit_once(')').expect("a name in brackets");
        let ticks =
            |place| fields.split_whitespace().nth(place).expect("a field").parse::<u64>().expect("ticks");
        Duration::from_millis((ticks(11) + ticks(12)) * 1_000 / TICKS)
    }

    /// Ends it as a crash would: SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process is reaped");
    }

    /// Asks it to stop (SIGTERM) and waits until it has.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        self.ask_to_stop();
        eventually("the process to stop", async || self.child.try_wait().expect("the process can be asked"))
            .await
    }

    /// Sends SIGTERM and returns at once.
    fn ask_to_stop(&self) {
        let asked = Command::new("sh")
            .args(["-c", &format!("kill -TERM {}", self.child.id())])
            .status()
            .expect("a shell is there");
        assert!(asked.success(), "SIGTERM could not be sent");
    }

    fn log_text(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("--- end of {} ---\n{}", self.log.display(), self.log_text());
        }
    }
}

fn appending(log: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(log).expect("the log can be written")
}

/// `ready api=http://… admin=http://…` as a map.
fn addresses(line: &str) -> HashMap<String, String> {
    line.split_whitespace()
        .filter_map(|word| word.split_once('='))
        .map(|(name, address)| (name.to_owned(), address.trim_end_matches('/').to_owned()))
        .collect()
}
