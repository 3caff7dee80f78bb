//! A Redis database for one story: of the server in `HELIOGRAPH_TEST_REDIS`, emptied before use.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Condvar, Mutex};

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

fn empty(server: &str, number: u8) {
    let address = server.strip_prefix("redis://").expect("HELIOGRAPH_TEST_REDIS is redis://host:port");
    let mut stream = TcpStream::connect(address).expect("the Redis of HELIOGRAPH_TEST_REDIS answers");
    stream.write_all(format!("SELECT {number}\r\nFLUSHDB\r\nQUIT\r\n").as_bytes()).expect("commands sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("commands answered");
    assert_eq!(answer, "+OK\r\n+OK\r\n+OK\r\n", "database {number} could not be emptied");
}
