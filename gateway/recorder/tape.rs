//! The writer: takes what was noted, makes a case of it, plays that, and keeps it only if it means the same.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use heliograph_connectors::Registry;
use heliograph_connectors::channel::{
    Channel, ChannelError, EgressError, Fate, InboundEvent, OutboundMessage, RawWebhook, Request, Response,
    Settings, Stage, testing,
};
use http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER, USER_AGENT};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tracing::{debug, warn};
use url::Url;

use super::disguise::Disguise;
use super::scrub::{GATEWAY, lorem, stand_in};
use super::words::PAGES;
use super::{Recorder, Sent, Taken, Told, WAITING_MAX, body, json as text, sign};

/// A recording ends by itself after so many cases: someone forgot it.
const CASES_MAX: usize = 10_000;

/// Writes what a [`Recorder`] takes.
#[derive(Debug)]
pub struct Writer {
    folder: PathBuf,
    registry: Registry,
    providers: HashMap<String, Map<String, Value>>,
    key: [u8; 32],
    taken: mpsc::Receiver<Taken>,
    cases: usize,
}

/// A recorder, and the writer to be run beside it. `providers` are the operator's tables.
pub fn open(
    folder: PathBuf,
    registry: Registry,
    providers: HashMap<String, Map<String, Value>>,
) -> Result<(Recorder, Writer), String> {
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let (sender, taken) = mpsc::channel(WAITING_MAX);
    let writer = Writer { folder, registry, providers, key: rand::random(), taken, cases: 0 };
    Ok((Recorder { taken: sender }, writer))
}

impl Writer {
    /// Writes until nobody records any more. Blocks.
    pub fn run(mut self) {
        while let Some(taken) = self.taken.blocking_recv() {
            if self.cases == CASES_MAX {
                warn!(cases = self.cases, "the recording is full");
            }
            if self.cases >= CASES_MAX {
                self.cases += 1;
                continue;
            }
            match self.write(taken) {
                Ok(case) => debug!(case = %case.display(), "recorded"),
                Err(why) => warn!(why, "something was not recorded"),
            }
        }
    }

    fn write(&mut self, taken: Taken) -> Result<PathBuf, String> {
        match taken {
            Taken::Hook(told) => {
                let Told { integration, channel, raw } = *told;
                let tokens: Vec<String> = query(&raw.url)
                    .filter_map(|(name, value)| (name == "hub.verify_token").then_some(value))
                    .collect();
                let disguise = self.disguise(&integration, &raw.url, &tokens)?;
                self.write_hook(disguise, &*channel, &raw)
            }
            Taken::Send(sent) => {
                let disguise = self.disguise(&sent.integration, sent.message.hook_url.as_str(), &[])?;
                self.write_send(disguise, &sent)
            }
        }
    }

    fn disguise(
        &self,
        integration: &crate::model::Integration,
        url: &str,
        tokens: &[String],
    ) -> Result<Disguise, String> {
        let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        let provider = self.providers.get(&integration.kind).cloned().unwrap_or_default();
        Disguise::of(self.key, integration, &provider, &host, tokens)
            .ok_or_else(|| format!("{} is not a kind that can be recorded", integration.kind))
    }

    fn write_hook(
        &mut self,
        mut disguise: Disguise,
        channel: &dyn Channel,
        raw: &RawWebhook,
    ) -> Result<PathBuf, String> {
        for event in understood(channel, raw).unwrap_or_default() {
            hide(&mut disguise, &event);
        }
        let hook = scrubbed_hook(&disguise, raw)?;
        let (parts, content) = hook.clone().into_parts();
        let again =
            RawWebhook::new(parts.method, parts.uri.to_string(), parts.headers, raw.received_at, content);
        let build = self.registry.get(disguise.kind).ok_or("no such channel")?;
        let stand_in = build(Settings::new(&disguise.settings, &disguise.provider))
            .map_err(|problems| format!("the stand-in's settings are refused: {problems:?}"))?;
        let (meant, means) = (meaning(channel, raw), meaning(&*stand_in, &again));
        if meant != means {
            return Err(format!("scrubbed, the hook means {means:?} instead of {meant:?}"));
        }
        let files = [("hook.http".to_owned(), testing::print_request(&hook))];
        self.keep(&disguise, "inbound", raw.received_at, &files, |_| Ok(()))
    }

    fn write_send(&mut self, mut disguise: Disguise, sent: &Sent) -> Result<PathBuf, String> {
        let message = &sent.message;
        disguise.hide(&message.destination.address);
        for said in texts(&message_file(message)) {
            disguise.hide(&said);
        }
        let scrubbed = text::rewrite(&message_file(message).to_string(), &mut { &disguise.scrubber });
        let scrubbed: Value =
            scrubbed.and_then(|text| serde_json::from_str(&text).ok()).ok_or("no message")?;
        let mut files = vec![("message.json".to_owned(), format!("{scrubbed:#}\n").into_bytes())];
        for (number, answer) in (1..).zip(&sent.answers) {
            files.push(match &answer.given {
                Ok(given) if answer.is_file => (format!("{number}.response.http"), file_answer(given)),
                Ok(given) => (format!("{number}.response.http"), scrubbed_answer(&disguise, given)),
                Err(error) => (format!("{number}.response.txt"), no_answer(error).into()),
            });
        }
        let same = |case: &Path| same_outcome(case, sent);
        self.keep(&disguise, "outbound", message.accepted_at, &files, same)
    }

    /// Writes a case, has its expected files made, and lets it be seen only when it holds.
    fn keep(
        &mut self,
        disguise: &Disguise,
        way: &str,
        at: i64,
        files: &[(String, Vec<u8>)],
        holds: impl Fn(&Path) -> Result<(), String>,
    ) -> Result<PathBuf, String> {
        let time = Timestamp::from_millisecond(at).unwrap_or_default().strftime("%Y%m%dT%H%M%S");
        let name = format!("{time}-{:04}", self.cases + 1);
        let settings = disguise.file(if way == "inbound" { at } else { 0 })?.into_bytes();
        let mut all = vec![("settings.toml".to_owned(), settings)];
        all.extend(files.iter().cloned());
        if let Some((file, _)) = all.iter().find(|(_, content)| disguise.leaks(content)) {
            return Err(format!("something real was left in {file}"));
        }
        let draft = self.folder.join(format!(".{name}"));
        let made = write_all(&draft, &all).and_then(|()| {
            testing::play(&draft, &self.registry)?.bless()?;
            // Played again: what was just blessed must be what happens, and nothing may be left on the tape.
            testing::play(&draft, &self.registry)?.check()?;
            holds(&draft)
        });
        let place = self.folder.join(disguise.kind).join(way);
        let case = place.join(name);
        let moved = made.and_then(|()| {
            fs::create_dir_all(&place)
                .and_then(|()| fs::rename(&draft, &case))
                .map_err(|error| error.to_string())
        });
        if let Err(why) = moved {
            let _ = fs::remove_dir_all(&draft);
            return Err(why);
        }
        self.cases += 1;
        Ok(case)
    }
}

fn write_all(folder: &Path, files: &[(String, Vec<u8>)]) -> Result<(), String> {
    let written = fs::create_dir_all(folder)
        .and_then(|()| files.iter().try_for_each(|(name, content)| fs::write(folder.join(name), content)));
    written.map_err(|error| format!("{}: {error}", folder.display()))
}

fn query(url: &str) -> impl Iterator<Item = (String, String)> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect::<Vec<_>>().into_iter()
}

/// The hook as it would have come to the stand-in.
fn scrubbed_hook(disguise: &Disguise, raw: &RawWebhook) -> Result<Request, String> {
    let scrubber = &disguise.scrubber;
    let (path, query) =
        raw.url.split_once('?').map_or((&*raw.url, None), |(path, query)| (path, Some(query)));
    let mut url = format!("https://{GATEWAY}/hooks/{}", disguise.kind);
    let after = path.rsplit_once("/hooks/").map_or("", |(_, rest)| rest);
    if after.contains('/') {
        url.push_str(&format!("/{}", disguise.integration));
    }
    if let Some(query) = query {
        url.push_str(&format!("?{}", body::form(query, &mut { scrubber })));
    }
    let kind = raw.headers.get(CONTENT_TYPE);
    let (kind, content) = body::rewrite(kind, raw.untrusted_body(), &mut { scrubber })
        .map_err(|_| "a hook's body is in a form that cannot be scrubbed")?;
    let mut hook = http::Request::builder().method(raw.method.clone()).uri(url);
    if let Some(agent) = raw.headers.get(USER_AGENT) {
        hook = hook.header(USER_AGENT, agent);
    }
    if let Some(kind) = kind {
        hook = hook.header(CONTENT_TYPE, kind);
    }
    let hook = hook.body(content).map_err(|error| error.to_string())?;
    sign::sign(disguise.kind, &disguise.settings, hook, &raw.headers)
}

fn understood(channel: &dyn Channel, raw: &RawWebhook) -> Option<Vec<InboundEvent>> {
    channel.parse(&channel.verify(raw.clone()).ok()?).ok()
}

/// What a hook means, without what people said.
fn meaning(channel: &dyn Channel, raw: &RawWebhook) -> Vec<String> {
    if let Some(reply) = channel.handshake(raw) {
        return vec![format!("handshake {}", reply.status)];
    }
    match channel.verify(raw.clone()).map(|hook| channel.parse(&hook)) {
        Ok(Ok(events)) => events.iter().map(gist).collect(),
        Ok(Err(_)) => vec!["malformed".into()],
        Err(_) => vec!["forged".into()],
    }
}

fn gist(event: &InboundEvent) -> String {
    match event {
        InboundEvent::Message(message) => format!("message {}", message.content.kind()),
        InboundEvent::Postback { .. } => "postback".into(),
        InboundEvent::Receipt(receipt) => {
            let stage = match receipt.stage {
                Stage::Accepted => "accepted",
                Stage::Delivered => "delivered",
                Stage::Read => "read",
                Stage::Failed(_) => "failed",
            };
            format!("receipt {stage}")
        }
        InboundEvent::OptOut { .. } => "opt-out".into(),
        InboundEvent::OptIn { .. } => "opt-in".into(),
        InboundEvent::Typing { started, .. } => format!("typing {started}"),
        InboundEvent::Reached { .. } => "reached".into(),
        InboundEvent::Read { .. } => "read".into(),
        InboundEvent::Referral { .. } => "referral".into(),
        // The kind itself may hold what somebody wrote.
        InboundEvent::Unrecognised { .. } => "unrecognised".into(),
    }
}

fn hide(disguise: &mut Disguise, event: &InboundEvent) {
    if let InboundEvent::Message(message) = event {
        disguise.hide(&message.from.address);
        for said in serde_json::to_value(&message.content).iter().flat_map(texts) {
            disguise.hide(&said);
        }
    }
}

/// What a message says in words.
fn texts(message: &Value) -> Vec<String> {
    match message {
        Value::Object(fields) => {
            let said = fields.get("text").and_then(Value::as_str).map(str::to_owned);
            said.into_iter().chain(fields.values().flat_map(texts)).collect()
        }
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// `message.json`, as yet unscrubbed.
fn message_file(message: &OutboundMessage) -> Value {
    let mut file = json!({
        "reference": message.reference, "destination": message.destination.address,
        "occasion": message.occasion, "app": message.app, "acceptedAt": message.accepted_at,
    });
    for (name, value) in [
        ("author", json!(message.author)),
        ("subject", json!(message.subject)),
        ("earlier", json!(message.earlier)),
    ] {
        if !value.is_null() {
            file[name] = value;
        }
    }
    if let Value::Object(body) = json!(message.body) {
        for (name, value) in body {
            file[&name] = value;
        }
    }
    file
}

/// An answer with what connectors read of it.
fn scrubbed_answer(disguise: &Disguise, given: &Response) -> Vec<u8> {
    const USAGE: [HeaderName; 2] =
        [HeaderName::from_static("x-business-use-case-usage"), HeaderName::from_static("x-app-usage")];
    let scrubber = &disguise.scrubber;
    let kind = given.headers().get(CONTENT_TYPE);
    let content = match body::rewrite(kind, given.body(), &mut { scrubber }) {
        Ok((_, content)) => content.to_vec(),
        Err(_) => match std::str::from_utf8(given.body()) {
            Ok(page) if PAGES.contains(&page.trim()) => page.into(),
            Ok(page) => lorem(page).into_bytes(),
            Err(_) => stand_in(given.body()),
        },
    };
    let mut answer = http::Response::builder().status(given.status());
    for name in [CONTENT_TYPE, RETRY_AFTER] {
        if let Some(value) = given.headers().get(&name) {
            answer = answer.header(name, value);
        }
    }
    for name in USAGE {
        if let Some(value) = given.headers().get(&name).and_then(|value| value.to_str().ok()) {
            answer = answer.header(name, scrubber.value("", value));
        }
    }
    answer.body(content.into()).map(|answer| testing::print_response(&answer)).unwrap_or_default()
}

/// A file's answer, with a file that holds nothing.
fn file_answer(given: &Response) -> Vec<u8> {
    let mut answer = http::Response::builder().status(given.status());
    if let Some(kind) = given.headers().get(CONTENT_TYPE) {
        answer = answer.header(CONTENT_TYPE, kind);
    }
    let content = stand_in(given.body());
    answer.body(content.into()).map(|answer| testing::print_response(&answer)).unwrap_or_default()
}

/// Without the details: they name hosts.
fn no_answer(error: &EgressError) -> &'static str {
    match error {
        EgressError::NotSent(_) => "not sent: no connection\n",
        EgressError::NoAnswer(_) => "no answer: the connection broke\n",
    }
}

/// Whether the played case ended as the send did.
fn same_outcome(case: &Path, sent: &Sent) -> Result<(), String> {
    let played = fs::read(case.join("outcome.json")).map_err(|error| error.to_string())?;
    let played: Value = serde_json::from_slice(&played).map_err(|error| error.to_string())?;
    let expected = match &sent.result {
        Ok(_) => (Value::Null, Value::Null),
        Err(ChannelError { fate, provider_code, .. }) => {
            let fate = match fate {
                Fate::Permanent => "permanent",
                Fate::Transient { .. } => "transient",
                Fate::Throttled { .. } => "throttled",
            };
            (json!(fate), json!(provider_code))
        }
    };
    let error = &played["error"];
    let is_one = sent.result.is_err() || played["accepted"].as_array().is_some_and(|taken| taken.len() == 1);
    if is_one && expected == (error["fate"].clone(), error["providerCode"].clone()) {
        return Ok(());
    }
    Err(format!("scrubbed, the send ends as {played}"))
}
