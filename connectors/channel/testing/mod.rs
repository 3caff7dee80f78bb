//! Plays recorded provider traffic through a connector: one folder is one case, told in plain HTTP.
//!
//! `fixtures/README.md` freezes the file formats. [`play`] finds out what a case means now;
//! [`Played::check`] compares that with the expected files beside it, [`Played::bless`] rewrites them and
//! never the evidence (what a provider sent), and `Display` tells people.

mod faces;
mod plain_http;
mod report;
mod tape;

use std::fmt;
use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use url::Url;

use super::{
    Attempt, Body, Capabilities, Channel, Content, Destination, Earlier, Occasion, OutboundMessage,
    RawWebhook, Settings,
};
use crate::Registry;

pub use plain_http::{print_request, print_response, request as read_request};
pub use tape::Tape;

/// What makes a folder a case: the file that says what happens to the channel.
const STIMULI: [&str; 8] = [
    "hook.http",
    "message.json",
    "attempt.json",
    "lookup.json",
    "fetch.json",
    "profile.json",
    "face.json",
    "connect.txt",
];
/// What may be expected of a case: exactly one of these.
const RESULTS: [&str; 4] = ["events.json", "refused.txt", "reply.txt", "outcome.json"];

/// Every case at or below a path, sorted.
pub fn cases(path: &Path) -> Result<Vec<PathBuf>, String> {
    if STIMULI.iter().any(|name| path.join(name).is_file()) {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut folders: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    let mut found = Vec::new();
    for folder in folders {
        found.extend(cases(&folder)?);
    }
    Ok(found)
}

/// Plays one case through the channel its settings name.
pub fn play(case: &Path, registry: &Registry) -> Result<Played, String> {
    let setting = Setting::of(case)?;
    let channel = setting.channel(registry)?;
    let stimulus = STIMULI.into_iter().find(|name| case.join(name).is_file());
    match stimulus {
        Some("hook.http") => play_hook(case, &setting, &*channel),
        Some(name) => play_calls(case, name, &setting, channel),
        None => Err(format!("{} holds none of {}", case.display(), STIMULI.join(", "))),
    }
}

/// What the channel that a folder's `settings.toml` names claims to do.
pub fn capabilities(folder: &Path, registry: &Registry) -> Result<Capabilities, String> {
    Ok(Setting::of(folder)?.channel(registry)?.capabilities().clone())
}

/// What a case means.
#[derive(Debug)]
pub struct Played {
    case: PathBuf,
    result: &'static str,
    content: String,
    meaning: String,
    tape: Option<Tape>,
}

impl Played {
    /// Compares with the expected files; `Err` shows the difference.
    pub fn check(&self) -> Result<(), String> {
        for name in RESULTS.into_iter().filter(|name| *name != self.result) {
            if self.case.join(name).is_file() {
                return Err(format!("expected {name}, got {}:\n{}", self.result, self.content));
            }
        }
        let expected = read(&self.case.join(self.result))?;
        let same = match json_of(&expected).zip(json_of(&self.content)) {
            Some((expected, played)) => expected == played,
            None => expected == self.content,
        };
        if !same {
            return Err(format!("{} differs\nexpected:\n{expected}\ngot:\n{}", self.result, self.content));
        }
        self.tape.as_ref().map_or(Ok(()), Tape::check)
    }

    /// Writes the expected files as they are now.
    pub fn bless(&self) -> Result<(), String> {
        for name in RESULTS.into_iter().filter(|name| *name != self.result) {
            let _ = fs::remove_file(self.case.join(name));
        }
        write(&self.case.join(self.result), self.content.as_bytes())?;
        self.tape.as_ref().map_or(Ok(()), |tape| tape.write_requests(&self.case))
    }

    /// The platform's word for the kind of content that this case sends.
    pub fn content_sent(&self) -> Option<String> {
        let message = json_of(&read(&self.case.join("message.json")).ok()?)?;
        Some(message.pointer("/content/type")?.as_str()?.to_owned())
    }
}

impl fmt::Display for Played {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.case.display())?;
        if let Some(tape) = &self.tape {
            write!(f, "{tape}")?;
        }
        f.write_str(&self.meaning)
    }
}

/// The integration that a case happens to: `settings.toml` beside the case, or one or two folders above.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Setting {
    /// The channel's type in the registry.
    #[serde(rename = "type")]
    kind: String,
    /// The public address of the integration's hooks.
    #[serde(deserialize_with = "url")]
    hook_url: Url,
    /// When hooks arrive, in Unix milliseconds.
    #[serde(default)]
    received_at: i64,
    /// The integration's settings.
    settings: Map<String, Value>,
    /// The operator's `[providers.X]`.
    #[serde(default)]
    provider: Map<String, Value>,
}

impl Setting {
    fn of(case: &Path) -> Result<Setting, String> {
        let places = case.ancestors().take(3).map(|folder| folder.join("settings.toml"));
        let path = places
            .into_iter()
            .find(|path| path.is_file())
            .ok_or_else(|| format!("{}: no settings.toml here or above", case.display()))?;
        toml::from_str(&read(&path)?).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn channel(&self, registry: &Registry) -> Result<Arc<dyn Channel>, String> {
        let build = registry.get(&self.kind).ok_or_else(|| format!("no channel is called {}", self.kind))?;
        build(Settings::new(&self.settings, &self.provider)).map_err(|problems| {
            let lines = problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message));
            lines.collect::<Vec<_>>().join("\n")
        })
    }

    /// The hook as it reached the public address.
    fn hook(&self, case: &Path) -> Result<RawWebhook, String> {
        let (parts, body) = plain_http::request(&case.join("hook.http"))?.into_parts();
        let url = format!("{}{}", self.hook_url.origin().ascii_serialization(), parts.uri);
        Ok(RawWebhook::new(parts.method, url, parts.headers, self.received_at, body))
    }
}

fn url<'de, D: Deserializer<'de>>(text: D) -> Result<Url, D::Error> {
    String::deserialize(text)?.parse().map_err(D::Error::custom)
}

fn play_hook(case: &Path, setting: &Setting, channel: &dyn Channel) -> Result<Played, String> {
    let raw = setting.hook(case)?;
    let played = |result, content: String, meaning: String| Played {
        case: case.to_owned(),
        result,
        content,
        meaning,
        tape: None,
    };
    if let Some(reply) = channel.handshake(&raw) {
        let text = format!("{}\n\n{}\n", reply.status, String::from_utf8_lossy(&reply.body));
        return Ok(played("reply.txt", text.clone(), text));
    }
    let refused = |text: String| played("refused.txt", text.clone(), text);
    let hook = match channel.verify(raw) {
        Ok(hook) => hook,
        Err(forged) => return Ok(refused(format!("forged: {forged}\n"))),
    };
    Ok(match channel.parse(&hook) {
        Ok(events) => {
            let content = Value::Array(events.iter().map(report::event).collect());
            played("events.json", pretty(&content), events.iter().map(report::sentence).collect())
        }
        Err(malformed) => refused(format!("malformed: {malformed}\n")),
    })
}

fn play_calls(
    case: &Path,
    stimulus: &str,
    setting: &Setting,
    channel: Arc<dyn Channel>,
) -> Result<Played, String> {
    let tape = Tape::open(case)?;
    let path = case.join(stimulus);
    let outcome = match stimulus {
        "message.json" => at_once(send(&*channel, setting, json_file(&path)?, &tape))?,
        "attempt.json" => at_once(reconcile(&*channel, json_file(&path)?, &tape))?,
        "lookup.json" => {
            let asked: Asked = json_file(&path)?;
            report::looked_up(&at_once(channel.look_up(&asked.provider_id, &tape))?)
        }
        "fetch.json" => {
            let held: Held = json_file(&path)?;
            let fetched = async { channel.fetch(&held.media, &tape).await?.whole().await };
            report::fetched(&at_once(fetched)?)
        }
        "profile.json" => {
            report::profile(&at_once(channel.profile(&json_file::<Whom>(&path)?.address, &tape))?)
        }
        "face.json" => at_once(faces::call(&*channel, json_file(&path)?, &tape))?,
        _ => report::connected(&at_once(channel.connect(&tape))?),
    };
    let content = pretty(&outcome);
    Ok(Played {
        case: case.to_owned(),
        result: "outcome.json",
        meaning: content.clone(),
        content,
        tape: Some(tape),
    })
}

/// `message.json`: what is to be sent, as yet uncut.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outgoing {
    reference: String,
    destination: String,
    #[serde(flatten)]
    body: Body,
    #[serde(default = "notification")]
    occasion: Occasion,
    #[serde(default = "demo")]
    app: String,
    #[serde(default)]
    author: Option<String>,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    accepted_at: i64,
    #[serde(default)]
    earlier: Option<Earlier>,
}

fn notification() -> Occasion {
    Occasion::Notification
}

fn demo() -> String {
    "Demo".into()
}

/// Cuts a message and sends its pieces until one fails. Pieces after the first have references of their own:
/// `{reference}-2` and so on.
async fn send(channel: &dyn Channel, setting: &Setting, outgoing: Outgoing, tape: &Tape) -> Value {
    let destination = match channel.destination(&outgoing.destination) {
        Ok(destination) => destination,
        Err(invalid) => return json!({"invalidDestination": invalid.to_string()}),
    };
    let parts = match channel.parts(&outgoing.body) {
        Ok(parts) => parts,
        Err(error) => return report::outcome(&[], Some(&error)),
    };
    let mut accepted = Vec::new();
    for (index, body) in parts.into_iter().enumerate() {
        let reference = match index {
            0 => outgoing.reference.clone(),
            _ => format!("{}-{}", outgoing.reference, index + 1),
        };
        let hook_url = setting.hook_url.clone();
        let message = OutboundMessage {
            reference,
            destination: destination.clone(),
            body,
            hook_url,
            occasion: outgoing.occasion,
            app: outgoing.app.clone(),
            author: outgoing.author.clone(),
            subject: outgoing.subject.clone(),
            accepted_at: outgoing.accepted_at,
            earlier: outgoing.earlier.clone(),
        };
        match channel.send(&message, tape).await {
            Ok(answer) => accepted.push(answer),
            Err(error) => return report::outcome(&accepted, Some(&error)),
        }
    }
    report::outcome(&accepted, None)
}

/// `attempt.json`: a send whose answer was never seen.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lost {
    reference: String,
    destination: String,
    started_at: i64,
    #[serde(default)]
    content: Option<Content>,
    #[serde(default)]
    among_others: bool,
}

/// `lookup.json`: a message whose receipts are overdue.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    provider_id: String,
}

/// `fetch.json`: a file that the provider holds.
#[derive(Debug, Deserialize)]
struct Held {
    media: String,
}

/// `profile.json`: somebody about whom the provider is asked.
#[derive(Debug, Deserialize)]
struct Whom {
    address: String,
}

async fn reconcile(channel: &dyn Channel, lost: Lost, tape: &Tape) -> Value {
    let destination =
        channel.destination(&lost.destination).unwrap_or_else(|_| Destination::new(lost.destination));
    let attempt = Attempt {
        reference: lost.reference,
        destination,
        started_at: lost.started_at,
        body: Body::Content(lost.content.unwrap_or_else(|| Content::text("Your parcel has arrived."))),
        alone: !lost.among_others,
        known: Vec::new(),
    };
    report::verdict(&channel.reconcile(&attempt, tape).await)
}

/// Runs a connector without a runtime: a tape answers at once, and a connector waits for nothing else.
fn at_once<T>(future: impl Future<Output = T>) -> Result<T, String> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err("the connector waits for something other than its egress".into()),
    }
}

fn json_of(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

fn json_file<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    serde_json::from_str(&read(path)?).map_err(|error| format!("{}: {error}", path.display()))
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, content: &[u8]) -> Result<(), String> {
    fs::write(path, content).map_err(|error| format!("{}: {error}", path.display()))
}
