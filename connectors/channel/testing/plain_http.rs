//! HTTP messages as text files: start line, headers, an empty line, the body.
//!
//! Lines of the head may end in `\n` or `\r\n`. The body is the rest of the file but for the line break that
//! ends the file; with a `Content-Length` it is exactly that many bytes.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use url::form_urlencoded;

use super::super::{Request, Response};

/// Reads a request from a case's file.
pub fn request(path: &Path) -> Result<Request, String> {
    let file = Message::read(path)?;
    let mut words = file.start_line.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(format!("{}: expected METHOD TARGET HTTP/1.1", path.display()));
    };
    let mut request = http::Request::builder().method(method).uri(target);
    if let Some(headers) = request.headers_mut() {
        *headers = file.headers;
    }
    request.body(file.body).map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads a response.
pub(super) fn response(path: &Path) -> Result<Response, String> {
    let file = Message::read(path)?;
    let status = file.start_line.split(' ').nth(1).unwrap_or_default();
    let mut response = http::Response::builder().status(status);
    if let Some(headers) = response.headers_mut() {
        *headers = file.headers;
    }
    response.body(file.body).map_err(|error| format!("{}: {error}", path.display()))
}

/// A request as text, as a case's files hold it.
pub fn print_request(request: &Request) -> Vec<u8> {
    let mut text = format!("{} {} HTTP/1.1\n", request.method(), target(request)).into_bytes();
    if let Some(authority) = request.uri().authority() {
        text.extend(format!("Host: {authority}\n").bytes());
    }
    for (name, value) in request.headers() {
        text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\n"].concat());
    }
    text.push(b'\n');
    text.extend(request.body());
    text.push(b'\n');
    text
}

/// A response as text, as a case's files hold it.
pub fn print_response(response: &Response) -> Vec<u8> {
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let mut text = format!("HTTP/1.1 {} {reason}\n", status.as_u16()).into_bytes();
    for (name, value) in response.headers() {
        text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\n"].concat());
    }
    text.push(b'\n');
    text.extend(response.body());
    text.push(b'\n');
    text
}

/// How a request differs from the one expected, in all that the expected one names.
pub(super) fn difference(expected: &Request, made: &Request) -> Option<String> {
    let line = |request: &Request| format!("{} {}", request.method(), target(request));
    if line(expected) != line(made) {
        return Some(format!("expected {}\ngot      {}", line(expected), line(made)));
    }
    for name in expected.headers().keys().filter(|name| *name != CONTENT_LENGTH) {
        let (expected, made) = (header(expected, name), header(made, name));
        if expected != made {
            return Some(format!("header {name}: expected {expected:?}, got {made:?}"));
        }
    }
    (!same_body(expected, made)).then(|| {
        let text = |request: &Request| String::from_utf8_lossy(request.body()).into_owned();
        format!("body: expected\n{}\ngot\n{}", text(expected), text(made))
    })
}

/// Forms are compared as decoded pairs and JSON as JSON, everything else byte by byte.
fn same_body(expected: &Request, made: &Request) -> bool {
    let kind = header(made, &CONTENT_TYPE).unwrap_or_default();
    let (expected, made) = (expected.body(), made.body());
    if kind.starts_with("application/x-www-form-urlencoded") {
        return form_urlencoded::parse(expected).eq(form_urlencoded::parse(made));
    }
    let json = |body: &[u8]| serde_json::from_slice::<Value>(body).ok();
    match json(expected).zip(json(made)) {
        Some((expected, made)) if kind.contains("json") => expected == made,
        _ => expected == made,
    }
}

fn header(request: &Request, name: &HeaderName) -> Option<String> {
    if let (true, Some(authority)) = (name == HOST, request.uri().authority()) {
        return Some(authority.to_string());
    }
    request.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn target(request: &Request) -> &str {
    request.uri().path_and_query().map_or("/", |target| target.as_str())
}

/// A message as the file has it.
struct Message {
    start_line: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Message {
    fn read(path: &Path) -> Result<Message, String> {
        let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Message::parse(&bytes).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn parse(bytes: &[u8]) -> Result<Message, String> {
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let mut line = || lines.next().map(|line| String::from_utf8_lossy(line).trim_end().to_owned());
        let start_line = line().unwrap_or_default();
        let mut headers = HeaderMap::new();
        while let Some(header) = line().filter(|line| !line.is_empty()) {
            let (name, value) = header.split_once(':').ok_or_else(|| format!("`{header}` is no header"))?;
            let name: HeaderName = name.parse().map_err(|_| format!("`{name}` is no header name"))?;
            let value = HeaderValue::from_str(value.trim()).map_err(|error| error.to_string())?;
            headers.append(name, value);
        }
        let rest: Vec<u8> = lines.flatten().copied().collect();
        let body = body(&headers, rest)?.into();
        Ok(Message { start_line, headers, body })
    }
}

fn body(headers: &HeaderMap, mut rest: Vec<u8>) -> Result<Vec<u8>, String> {
    let Some(length) = headers.get(CONTENT_LENGTH) else {
        if rest.last() == Some(&b'\n') {
            rest.pop();
        }
        return Ok(rest);
    };
    let length = length.to_str().ok().and_then(|length| length.parse::<usize>().ok());
    let length = length.ok_or("Content-Length is no number")?;
    if !matches!(rest.get(length..), Some([] | [b'\n'])) {
        return Err(format!("Content-Length is {length}, the file holds {} bytes", rest.len()));
    }
    rest.truncate(length);
    Ok(rest)
}
