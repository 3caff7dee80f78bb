//! What a caller may take: heads, bodies, addresses, time, connections, room in the backlog. Spoken on raw sockets
//! where an ordinary client would not.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::api::Answer;
use crate::harness::rig::notification;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Rig, eventually, on_both_engines};

on_both_engines! {
    an_app_with_a_full_backlog_is_told_to_wait,
}

const NUMBER: &str = "+15145550183";

/// Somebody who speaks to the gateway by hand.
struct Line(TcpStream);

impl Line {
    async fn open(rig: &Rig) -> Line {
        let address = rig.gateway.api_address().trim_start_matches("http://");
        Line(TcpStream::connect(address).await.expect("the gateway listens"))
    }

    async fn say(mut self, words: &str) -> Line {
        self.0.write_all(words.as_bytes()).await.expect("the gateway listens still");
        self
    }

    /// Everything until the gateway closes the connection.
    async fn hear(mut self) -> Answer {
        let mut text = Vec::new();
        let read = timeout(Duration::from_secs(60), self.0.read_to_end(&mut text)).await;
        read.expect("the connection is closed in time").expect("the connection is closed in peace");
        answer(&String::from_utf8(text).expect("an answer is text"))
    }
}

fn answer(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let mut headers = http::HeaderMap::new();
    for (name, value) in head.lines().skip(1).filter_map(|line| line.split_once(": ")) {
        let name = http::HeaderName::from_bytes(name.as_bytes()).expect("a name");
        headers.insert(name, value.parse().expect("a value"));
    }
    Answer { status, headers, text: body.to_owned(), json: serde_json::from_str(body).unwrap_or(Value::Null) }
}

fn get(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n{more}\r\n")
}

#[tokio::test]
async fn addresses_and_heads_are_bounded() {
    let rig = Rig::start(Engine::Embedded).await;
    let ask = async |words: &str| Line::open(&rig).await.say(words).await.hear().await;
    let long = format!("/v1.1/appusers/{}", "x".repeat(2_048));
    ask(&get(&long, "")).await.refused(414, "uri_too_long");
    ask(&get(&format!("/hooks/twilio/1?{}", "x".repeat(2_048)), "")).await.refused(414, "uri_too_long");
    let fields: String = (0..64).map(|n| format!("x-{n}: 1\r\n")).collect();
    ask(&get("/v1.1/appusers/1", &fields)).await.refused(431, "request_header_fields_too_large");
    let big = format!("x: {}\r\n", "1".repeat(33 * 1024));
    ask(&get("/v1.1/appusers/1", &big)).await.refused(431, "request_header_fields_too_large");
    let fits = format!("x: {}\r\n", "1".repeat(31 * 1024));
    ask(&get("/v1.1/appusers/1", &fits)).await.refused(401, "unauthorized");
    assert_eq!(
        ask(&get("/v1.1/appusers/1", &big.repeat(2))).await.status,
        431,
        "far too big: no more is read"
    );
    assert_eq!(ask("SMOKE SIGNALS\r\n\r\n").await.status, 400);
}

#[tokio::test]
async fn a_body_that_does_not_say_its_length_is_bounded() {
    let rig = Rig::start(Engine::Embedded).await;
    let credentials = "YXBwXzU5NjNjMGQ2MTlhMzBhMmUwMGRlMzZiOTpmYWtlLWFwcC1zZWNyZXQ=";
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\nauthorization: Basic {credentials}\r\n",
        of_app("/notifications")
    );
    let chunk = format!("{:x}\r\n{}\r\n", 50_000, " ".repeat(50_000));
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{}", chunk.repeat(3));
    Line::open(&rig).await.say(&chunked).await.hear().await.refused(413, "payload_too_large");
    let said = format!("{head}content-length: 200000\r\n\r\n");
    Line::open(&rig).await.say(&said).await.hear().await.refused(413, "payload_too_large");
}

#[tokio::test]
async fn who_is_too_slow_is_dismissed_and_holds_up_nobody() {
    let rig = Rig::start(Engine::Embedded).await;
    let api = rig.gateway.api();
    let began = Instant::now();
    // Many that never finish their heads, one byte now and then.
    let mut dripping = Vec::new();
    for _ in 0..400 {
        let mut line = Line::open(&rig).await.say("GET /v1.1/appusers HTTP/1.1\r\nx: ").await;
        dripping.push(tokio::spawn(async move {
            while line.0.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }));
    }
    let half = tokio::spawn(Line::open(&rig).await.say("GET / HTTP/1.1\r\nhost: g").await.hear());
    let idle = tokio::spawn(Line::open(&rig).await.hear());
    let kept = get("/v1.1/appusers/1", "").replace("connection: close\r\n", "");
    let kept = tokio::spawn(Line::open(&rig).await.say(&kept).await.hear());
    let body = format!("POST {} HTTP/1.1\r\nhost: gateway\r\n", of_app("/notifications"));
    let credentials = "authorization: Basic YXBwXzU5NjNjMGQ2MTlhMzBhMmUwMGRlMzZiOTpmYWtlLWFwcC1zZWNyZXQ=";
    let body = format!("{body}{credentials}\r\ncontent-length: 100\r\n\r\n{{");
    let body = tokio::spawn(Line::open(&rig).await.say(&body).await.hear());

    let mut slowest = Duration::ZERO;
    while began.elapsed() < Duration::from_secs(8) {
        let asked = Instant::now();
        api.post(&of_app("/notifications"), &notification(NUMBER, "beside them")).await.expect(201);
        slowest = slowest.max(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("slowest answer beside 400 slow connections: {slowest:?}");
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");

    half.await.expect("heard").refused(408, "request_timeout");
    assert_eq!(idle.await.expect("heard").status, 0, "who asked nothing is told nothing");
    assert_eq!(kept.await.expect("heard").status, 401, "answered, then closed for idleness");
    assert!(began.elapsed() < Duration::from_secs(28), "{:?}", began.elapsed());
    for drip in dripping {
        timeout(Duration::from_secs(20), drip).await.expect("the slow are cut off").expect("it ends");
    }
    body.await.expect("heard").refused(408, "request_timeout");
}

#[tokio::test]
async fn an_address_has_so_many_connections() {
    let rig = Rig::with(Engine::Embedded, |config| config.set("server.limits.connectionsPerIp", 8)).await;
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(Line::open(&rig).await.say("GET / HTTP/1.1\r\n").await);
    }
    let refused = Line::open(&rig).await.say(&get("/v1.1/appusers/1", "")).await.hear().await;
    assert_eq!(refused.headers["retry-after"], "5");
    refused.refused(429, "too_many_requests");
    open.clear();
    eventually("a place", async || {
        let answered = Line::open(&rig).await.say(&get("/v1.1/appusers/1", "")).await.hear().await;
        (answered.status == 401).then_some(())
    })
    .await;
}

async fn an_app_with_a_full_backlog_is_told_to_wait(engine: Engine) {
    let mut rig = Rig::apart(engine, |config| config.set("server.limits.backlog", 5)).await;
    rig.gateway.start().await;
    let path = of_app("/notifications");
    let post = async || rig.gateway.api().post(&path, &notification(NUMBER, "queued")).await;
    for _ in 0..5 {
        post().await.expect(201);
    }
    let full = post().await;
    assert_eq!(full.headers["retry-after"], "5");
    full.refused(429, "too_many_requests");
    let user = json!({"userId": "still@example.com"});
    rig.gateway.api().post(&of_app("/appusers"), &user).await.expect(201);
    rig.gateway.open_admin().get("/readyz").await.expect(200);
    rig.start_sim().await;
    assert_eq!(rig.sim().tell(json!({"from": NUMBER, "text": "hooks go on"})).await["status"], 200);
    eventually("room", async || {
        let answer = rig.gateway.api().post(&path, &notification(NUMBER, "later")).await;
        (answer.status == 201).then_some(())
    })
    .await;
}
