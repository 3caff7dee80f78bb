//! A Redis database for one story: of the server in `HELIOGRAPH_TEST_REDIS`, emptied before use.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// Database 0 is left to whoever owns the server; a default Redis has 16.
static FREE: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static FREED: Condvar = Condvar::new();
static FILLED: std::sync::Once = std::sync::Once::new();

/// A database number that no other story holds until this is dropped.
#[derive(Debug)]
pub(crate) struct Database {
    number: u8,
    pub(crate) url: String,
}

impl Database {
    /// Takes a free database and empties it. Fails, rather than skips, when there is no Redis.
    pub(crate) fn lease() -> Self {
        let server = std::env::var("HELIOGRAPH_TEST_REDIS")
            .expect("HELIOGRAPH_TEST_REDIS must name a Redis for tests; ./tests/run starts one");
        let server = server.trim_end_matches('/').to_owned();
        FILLED.call_once(|| FREE.lock().expect("the pool").extend(1..=15));
        let mut free = FREE.lock().expect("the pool");
        let number = loop {
            match free.pop() {
                Some(number) => break number,
                None => free = FREED.wait(free).expect("the pool"),
            }
        };
        drop(free);
        empty(&server, number);
        Self { number, url: format!("{server}/{number}") }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Ok(mut free) = FREE.lock() {
            free.push(self.number);
            FREED.notify_one();
        }
    }
}

/// The processor time the server in `HELIOGRAPH_TEST_REDIS` took since it was started.
pub(crate) fn server_cpu() -> Duration {
    let server = std::env::var("HELIOGRAPH_TEST_REDIS").expect("a Redis for tests");
    let info = say(server.trim_end_matches('/'), "INFO cpu\r\nQUIT\r\n");
    let seconds = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name)).expect("a line of this name");
        line.parse::<f64>().expect("seconds")
    };
    Duration::from_secs_f64(seconds("used_cpu_sys:") + seconds("used_cpu_user:"))
}

fn empty(server: &str, number: u8) {
    let answer = say(server, &format!("SELECT {number}\r\nFLUSHDB\r\nQUIT\r\n"));
    assert_eq!(answer, "+OK\r\n+OK\r\n+OK\r\n", "database {number} could not be emptied");
}

fn say(server: &str, words: &str) -> String {
    let address = server.strip_prefix("redis://").expect("HELIOGRAPH_TEST_REDIS is redis://host:port");
    let mut stream = TcpStream::connect(address).expect("the Redis of HELIOGRAPH_TEST_REDIS answers");
    stream.write_all(words.as_bytes()).expect("commands sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("commands answered");
    answer
}
