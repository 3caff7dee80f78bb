//! Requests that arrive on a schedule of their own, whatever becomes of those before, and how long each took.
//!
//! A latency counts from the moment the request was due: one that had to wait for a connection, because those before
//! were not answered yet, counts that wait too. Threads, and not tasks: a thread is woken fifty microseconds after its
//! time, a task's timer is a millisecond late.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::Value;

use super::config::{KEY, SECRET};
use super::simulator::of_app;
use super::wait::PATIENCE;

/// Requests that may be open at one time, unless they are to follow each other.
pub(crate) const CONNECTIONS: u64 = 512;

/// Requests that are sent before it counts.
const WARM: u64 = 200;

/// A request of the demo app, and what its answer must be.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: &'static str,
    path: String,
    body: String,
    status: u16,
    /// What stands in the answer's body so many times.
    holds: Option<(String, usize)>,
}

impl Ask {
    /// A GET below the app, answered 200.
    pub(crate) fn get(path: &str) -> Ask {
        Ask { method: "GET", path: of_app(path), body: String::new(), status: 200, holds: None }
    }

    /// A POST below the app.
    pub(crate) fn post(path: &str, body: &Value, status: u16) -> Ask {
        Ask { method: "POST", path: of_app(path), body: body.to_string(), status, holds: None }
    }

    /// The same below the app as v2 has it.
    pub(crate) fn of_v2(self) -> Ask {
        Ask { path: self.path.replacen("/v1.1/", "/v2/", 1), ..self }
    }

    /// The answer must hold these words so many times.
    pub(crate) fn holds(self, words: &str, times: usize) -> Ask {
        Ask { holds: Some((words.to_owned(), times)), ..self }
    }
}

/// How many requests, and how many of them a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenLoop {
    pub(crate) count: u64,
    /// None for as many as are answered.
    pub(crate) per_second: Option<u64>,
    /// Requests that may be open at one time.
    pub(crate) connections: u64,
}

impl OpenLoop {
    /// Sends the n-th request to the gateway at this address when it is due. How long each took, shortest first.
    pub(crate) fn run(self, address: &str, ask: &(impl Fn(u64) -> Ask + Sync)) -> Latencies {
        let warm = self.total() - self.count;
        let (next, all) = (AtomicU64::new(0), Mutex::new(Vec::new()));
        let began = Instant::now();
        thread::scope(|scope| {
            for _ in 0..self.connections.min(self.count) {
                scope.spawn(|| {
                    let mut line = Line::connect(address);
                    let mut took = Vec::new();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= self.total() {
                            break;
                        }
                        let asked = ask(number);
                        let request = line.written(&asked);
                        let due = self.due(began, number);
                        thread::sleep(due.saturating_duration_since(Instant::now()));
                        line.exchange(&asked, &request);
                        if number >= warm {
                            took.push(due.elapsed());
                        }
                    }
                    all.lock().expect("no thread failed").append(&mut took);
                });
            }
        });
        let mut all = all.into_inner().expect("no thread failed");
        all.sort_unstable();
        Latencies(all)
    }

    /// How many are sent: those that count, and some before them.
    pub(crate) fn total(self) -> u64 {
        self.count + self.per_second.map_or(0, |_| WARM.min(self.count / 4))
    }

    fn due(self, began: Instant, number: u64) -> Instant {
        match self.per_second {
            Some(rate) => began + Duration::from_micros(number * 1_000_000 / rate),
            None => Instant::now(),
        }
    }
}

/// How long requests took, shortest first.
#[derive(Debug)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    /// How many there were.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The time within which this share was answered.
    pub(crate) fn within(&self, share: f64) -> Duration {
        let place = (self.0.len() as f64 * share).ceil() as usize;
        self.0[place.clamp(1, self.0.len()) - 1]
    }
}

/// A connection that is kept.
struct Line {
    stream: BufReader<TcpStream>,
    host: String,
    authorization: String,
    answer: Vec<u8>,
}

impl Line {
    fn connect(address: &str) -> Line {
        let host = address.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&host).expect("the gateway listens");
        stream.set_nodelay(true).expect("an option");
        stream.set_read_timeout(Some(PATIENCE)).expect("an option");
        let authorization = base64::engine::general_purpose::STANDARD.encode(format!("{KEY}:{SECRET}"));
        Line { stream: BufReader::with_capacity(64 << 10, stream), host, authorization, answer: Vec::new() }
    }

    fn written(&self, ask: &Ask) -> String {
        let Ask { method, path, body, .. } = ask;
        format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Basic {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.host,
            self.authorization,
            body.len()
        )
    }

    /// Sends a request and reads its answer to the end, which must be as asked.
    fn exchange(&mut self, ask: &Ask, request: &str) {
        self.stream.get_mut().write_all(request.as_bytes()).expect("the request leaves");
        let status = self.read();
        let body = || String::from_utf8_lossy(&self.answer);
        assert_eq!(status, ask.status, "{} {}: {}", ask.method, ask.path, body());
        if let Some((words, times)) = &ask.holds {
            let found = body().matches(words.as_str()).count();
            assert_eq!(found, *times, "{words} in {} {}: {}", ask.method, ask.path, body());
        }
    }

    fn read(&mut self) -> u16 {
        let (mut status, mut length, mut line) = (0, 0, String::new());
        loop {
            line.clear();
            self.stream.read_line(&mut line).expect("an answer");
            let field = line.trim_end();
            if field.is_empty() {
                break;
            }
            if let Some(rest) = field.strip_prefix("HTTP/1.1 ") {
                status = rest[..3].parse().expect("a status");
            }
            if let Some((name, value)) = field.split_once(": ")
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.parse().expect("a length");
            }
        }
        self.answer.resize(length, 0);
        self.stream.read_exact(&mut self.answer).expect("the answer's body");
        status
    }
}

#[test]
fn a_share_is_answered_within_its_rank() {
    let all = Latencies((1..=200).map(Duration::from_millis).collect());
    let of = |share| all.within(share).as_millis();
    assert_eq!([of(0.5), of(0.99), of(0.999), of(1.0), of(0.0)], [100, 198, 200, 200, 1]);
}
