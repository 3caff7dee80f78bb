//! A Redis of a story's own, to be killed, stopped and started again on the same data.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::ports;
use super::wait::eventually;

/// A server that syncs every write before it answers.
#[derive(Debug)]
pub(crate) struct RedisServer {
    // Dropped in this order: the process ends before its data is taken away.
    process: Option<Running>,
    port: u16,
    folder: TempDir,
}

#[derive(Debug)]
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl RedisServer {
    /// A server on a free port and a folder of its own.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut server = Self { process: None, port: ports::free(), folder };
        server.restart().await;
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Where it keeps its data: every command, as it came, in files that only grow.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs it on what it kept, and waits until it answers.
    pub(crate) async fn restart(&mut self) {
        let port = self.port.to_string();
        let arguments = ["--port", &port, "--save", "", "--appendonly", "yes", "--appendfsync", "always"];
        let child = Command::new("redis-server")
            .args(arguments)
            .args(["--maxmemory-policy", "noeviction"])
            // What it keeps stands in its files as it is, and can be looked for there.
            .args(["--aof-use-rdb-preamble", "no"])
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        self.process = Some(Running(child));
        eventually("the Redis", async || self.say("PING").filter(|answer| answer.starts_with("+PONG"))).await;
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// SIGSTOP: it is there and says nothing.
    pub(crate) fn stop(&self) {
        self.signal("STOP");
    }

    /// SIGCONT.
    pub(crate) fn go_on(&self) {
        self.signal("CONT");
    }

    /// Forgets its scripts, as after a fail-over.
    pub(crate) fn flush_scripts(&self) {
        assert_eq!(self.say("SCRIPT FLUSH").as_deref(), Some("+OK\r\n+OK\r\n"));
    }

    fn signal(&self, name: &str) {
        let process = self.process.as_ref().expect("the Redis runs");
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", process.0.id())]).status();
        assert!(sent.expect("a shell is there").success(), "SIG{name} could not be sent");
    }

    fn say(&self, words: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.write_all(format!("{words}\r\nQUIT\r\n").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }
}
