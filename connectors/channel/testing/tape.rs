//! A tape: a provider's recorded answers as an [`Egress`], and the calls they are answers to.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::super::{Egress, EgressError, Request, Response};
use super::plain_http;

/// Answers the n-th call with `n.response.http` (or fails it as `n.response.txt` says) and remembers it, to
/// be compared with `n.request.http`.
#[derive(Debug)]
pub struct Tape {
    exchanges: Vec<Exchange>,
    calls: Mutex<Vec<Request>>,
}

#[derive(Debug)]
struct Exchange {
    /// Missing until the case is blessed.
    request: Option<Request>,
    answer: Result<Response, EgressError>,
}

impl Tape {
    /// Reads a case's exchanges; a case may have none.
    pub fn open(case: &Path) -> Result<Tape, String> {
        let mut exchanges = Vec::new();
        while let Some(answer) = recorded_answer(case, exchanges.len() + 1)? {
            let path = case.join(format!("{}.request.http", exchanges.len() + 1));
            let request = path.is_file().then(|| plain_http::request(&path)).transpose()?;
            exchanges.push(Exchange { request, answer });
        }
        let next = exchanges.len() + 1;
        if case.join(format!("{next}.request.http")).is_file() {
            return Err(format!("{}: request {next} has no response", case.display()));
        }
        Ok(Tape { exchanges, calls: Mutex::default() })
    }

    /// Whether the calls made were the calls recorded: all of them, in order, and no other.
    pub fn check(&self) -> Result<(), String> {
        let calls = self.calls();
        for (number, (call, exchange)) in (1..).zip(calls.iter().zip(&self.exchanges)) {
            let Some(expected) = &exchange.request else {
                return Err(format!("{number}.request.http is missing"));
            };
            if let Some(difference) = plain_http::difference(expected, call) {
                return Err(format!("call {number} differs from {number}.request.http\n{difference}"));
            }
        }
        if calls.len() != self.exchanges.len() {
            return Err(format!("{} calls were made, the tape has {}", calls.len(), self.exchanges.len()));
        }
        Ok(())
    }

    /// The calls made so far.
    pub fn calls(&self) -> Vec<Request> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes the calls made as the calls expected.
    pub(super) fn write_requests(&self, case: &Path) -> Result<(), String> {
        for (number, call) in (1..).zip(&self.calls()) {
            let path = case.join(format!("{number}.request.http"));
            let unchanged = path.is_file()
                && plain_http::request(&path).is_ok_and(|old| plain_http::difference(&old, call).is_none());
            if !unchanged {
                super::write(&path, &plain_http::print_request(call))?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Egress for Tape {
    async fn call(&self, request: Request) -> Result<Response, EgressError> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.push(request);
        match self.exchanges.get(calls.len() - 1) {
            Some(exchange) => exchange.answer.clone(),
            None => Err(EgressError::NotSent(format!("the tape has no answer {}", calls.len()))),
        }
    }

    async fn download(&self, request: Request) -> Result<Response, EgressError> {
        self.call(request).await
    }
}

/// One line per exchange, without headers: they hold credentials.
impl fmt::Display for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (call, exchange) in self.calls().iter().zip(&self.exchanges) {
            write!(f, "{} {}: ", call.method(), call.uri().path())?;
            match &exchange.answer {
                Ok(answer) => writeln!(f, "{}", answer.status())?,
                Err(error) => writeln!(f, "{error}")?,
            }
        }
        Ok(())
    }
}

fn recorded_answer(case: &Path, number: usize) -> Result<Option<Result<Response, EgressError>>, String> {
    let http = case.join(format!("{number}.response.http"));
    if http.is_file() {
        return plain_http::response(&http).map(|answer| Some(Ok(answer)));
    }
    let fault = case.join(format!("{number}.response.txt"));
    let Ok(text) = fs::read_to_string(&fault) else { return Ok(None) };
    match text.trim().split_once(": ") {
        Some(("not sent", why)) => Ok(Some(Err(EgressError::NotSent(why.into())))),
        Some(("no answer", why)) => Ok(Some(Err(EgressError::NoAnswer(why.into())))),
        _ => Err(format!("{}: expected `not sent: …` or `no answer: …`", fault.display())),
    }
}
