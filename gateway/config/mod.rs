//! The configuration file: read whole, every problem reported at once, then a value that cannot be wrong.

mod apps;
mod reader;
mod values;
mod webhooks;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use heliograph_connectors::Registry;
use heliograph_connectors::channel::Secret;
use ipnet::IpNet;
use serde_json::{Map, Value};
use url::Url;

use crate::model::{Key, KeyScope, Tenant, WebhookVersion};

pub use reader::Problem;
use reader::{Section, interpolate_all, note};
pub use webhooks::{Batching, Webhooks};

/// Secrets that stand in the sample configuration: whoever can read the documentation knows them.
const SAMPLE_SECRETS: [&str; 3] = ["demo-account-secret", "demo-app-secret", "demo-webhook-secret"];

/// A valid configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens and what it takes.
    pub server: Server,
    /// Where everything is kept.
    pub store: StoreChoice,
    /// Where the simulator listens; no simulator when unset.
    pub sim: Option<SocketAddr>,
    /// Per channel, where the provider is.
    pub providers: HashMap<String, Map<String, Value>>,
    /// Private ranges that webhooks and media may reach.
    pub egress_allow: Vec<IpNet>,
    /// How customers are told.
    pub webhooks: Webhooks,
    /// How sends are made and repeated.
    pub send: Send,
    /// How long things are kept.
    pub retention: Retention,
    /// How long a link waits for its confirmation.
    pub links_expire_after: Duration,
    /// Where files that people sent are kept; beside the store when unset.
    pub media_dir: Option<PathBuf>,
    /// Encrypts stored credentials.
    pub secrets_key: Option<Secret>,
    /// Logs as text or as JSON.
    pub log: LogFormat,
    /// Apps with their integrations and webhooks.
    pub tenants: Vec<Tenant>,
    /// The account's key and the apps'.
    pub keys: Vec<Key>,
}

/// Where it listens and what it takes.
#[derive(Debug, Clone)]
pub struct Server {
    /// API and provider hooks.
    pub listen: SocketAddr,
    /// What providers call; the bound address when unset.
    pub public_url: Option<Url>,
    /// Health, metrics and the admin API.
    pub admin: SocketAddr,
    /// How long a stop waits for what is in flight.
    pub drain: Duration,
    /// Largest API body, in bytes.
    pub api_body: usize,
    /// Largest hook body, in bytes.
    pub hook_body: usize,
    /// Largest Mailgun hook body, in bytes.
    pub mailgun_hook_body: usize,
    /// Where hooks wait on disk for a store that is away; beside the store when unset.
    pub spool: Option<PathBuf>,
    /// Largest upload, in bytes.
    pub upload: usize,
    /// Sends of one app that may wait.
    pub backlog: u64,
    /// Connections open at once from one address; unset: 256, and any number from this machine.
    pub connections_per_ip: Option<usize>,
}

/// Where everything is kept.
#[derive(Debug, Clone)]
pub struct StoreChoice {
    /// `embedded:DIR`, `redis://…`
    pub url: String,
    /// Into how many shards apps are spread (Redis).
    pub shards: u16,
    /// How long a work queue stays with a node that went silent (Redis, several nodes).
    pub lease: Duration,
    /// Whether a commit waits for Redis' fsync.
    pub wait_aof: bool,
}

/// How sends are made and repeated.
#[derive(Debug, Clone)]
pub struct Send {
    /// The waits before each further try of a send that certainly had no effect.
    pub retry: Vec<Duration>,
    /// When a message is too old to be sent.
    pub expires_after: Duration,
    /// How long a send of unknown outcome waits for a receipt.
    pub reconcile_window: Duration,
    /// Per channel, after how long without a receipt a delivery is unconfirmed.
    pub receipt_deadlines: BTreeMap<String, Duration>,
    /// How long a receipt may take before the provider is asked for it.
    pub receipt_check: Duration,
}

/// How long things are kept.
#[derive(Debug, Clone)]
pub struct Retention {
    /// Deliveries, from their final state.
    pub notifications: Duration,
    /// Ids of provider events.
    pub dedupe: Duration,
    /// Announcements that were given up.
    pub dead_letters: Duration,
}

/// Logs as text or as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Sends of one app that may wait, when nothing else is said.
const BACKLOG: u64 = 1_000_000;

/// What the rest of the gateway knows, for checking what the file names.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The channels.
    pub registry: &'a Registry,
    /// The triggers that a webhook of a version may subscribe to.
    pub triggers: fn(WebhookVersion) -> &'static [&'static str],
}

impl Config {
    /// Reads a configuration. `env` gives environment variables.
    pub fn parse(
        text: &str,
        env: &dyn Fn(&str) -> Option<String>,
        known: Known<'_>,
    ) -> Result<Config, Vec<Problem>> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            vec![Problem { path: format!("line {line}"), message: error.message().to_owned() }]
        })?;
        let mut problems = Vec::new();
        let mut value = toml::Value::Table(table);
        interpolate_all(&mut value, "", env, &mut problems);
        let toml::Value::Table(table) = value else { return Err(problems) };
        let config = read(Section::root(&table), known, &mut problems);
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }
}

fn read(mut root: Section<'_>, known: Known<'_>, problems: &mut Vec<Problem>) -> Config {
    let server = read_server(root.section("server", problems), problems);
    let store = read_store(root.section("store", problems), problems);
    let account = read_account(root.section("account", problems), problems);
    let sim = read_sim(root.section("sim", problems), problems);
    let providers = read_providers(root.section("providers", problems), known.registry, problems);
    let egress_allow = read_egress(root.section("egress", problems), problems);
    let webhooks = webhooks::read(root.section("webhooks", problems), problems);
    let send = read_send(root.section("send", problems), problems);
    let retention = read_retention(root.section("retention", problems), problems);
    let mut links = root.section("links", problems);
    let links_expire_after = links.duration("expireAfter", "30d", problems);
    links.finish(problems);
    let mut media = root.section("media", problems);
    let media_dir = media.text("dir", problems).map(PathBuf::from);
    media.finish(problems);
    let mut secrets = root.section("secrets", problems);
    let secrets_key = read_secrets_key(&mut secrets, problems);
    secrets.finish(problems);
    let mut log = root.section("log", problems);
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let format = log.word("format", &formats, problems).unwrap_or(LogFormat::Text);
    log.finish(problems);
    let (tenants, mut keys) = apps::read(root.sections("apps", problems), known, &providers, problems);
    root.finish(problems);
    keys.insert(0, account);
    let config = Config {
        server,
        store,
        sim,
        providers,
        egress_allow,
        webhooks,
        send,
        retention,
        links_expire_after,
        media_dir,
        secrets_key,
        log: format,
        tenants,
        keys,
    };
    refuse_exposure(&config, problems);
    config
}

fn read_server(mut server: Section<'_>, problems: &mut Vec<Problem>) -> Server {
    let listen = address(&mut server, "listen", "127.0.0.1:8080", problems);
    let admin = address(&mut server, "admin", "127.0.0.1:8082", problems);
    let public_url = server.text("publicUrl", problems).and_then(|text| match Url::parse(&text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Some(url),
        _ => {
            note(problems, &server.at("publicUrl"), "must be an absolute http or https URL");
            None
        }
    });
    let drain = server.duration("drain", "20s", problems);
    let spool = server.text("spool", problems).map(PathBuf::from);
    let mut limits = server.section("limits", problems);
    let read = Server {
        listen,
        public_url,
        admin,
        drain,
        spool,
        api_body: limits.size("apiBody", "100kB", problems),
        hook_body: limits.size("hookBody", "4MiB", problems),
        mailgun_hook_body: limits.size("mailgunHookBody", "30MiB", problems),
        upload: limits.size("upload", "50MiB", problems),
        backlog: limits.count("backlog", problems).unwrap_or(BACKLOG),
        connections_per_ip: limits.count("connectionsPerIp", problems),
    };
    limits.finish(problems);
    server.finish(problems);
    read
}

fn address(
    section: &mut Section<'_>,
    key: &'static str,
    default: &str,
    problems: &mut Vec<Problem>,
) -> SocketAddr {
    let text = section.text(key, problems).unwrap_or_else(|| default.to_owned());
    text.parse().unwrap_or_else(|_| {
        note(problems, &section.at(key), "must be an address and port such as `127.0.0.1:8080`");
        SocketAddr::from(([127, 0, 0, 1], 0))
    })
}

fn read_store(mut store: Section<'_>, problems: &mut Vec<Problem>) -> StoreChoice {
    let url = store.text("url", problems).unwrap_or_else(|| "embedded:./data".to_owned());
    let known = ["embedded:", "redis://", "rediss://", "redis+cluster://"];
    if !known.iter().any(|scheme| url.starts_with(scheme) && url.len() > scheme.len()) {
        note(problems, &store.at("url"), "must be `embedded:DIR` or `redis://HOST:PORT/DB`");
    }
    let shards = store.number("shards", problems).unwrap_or(64.0);
    if shards.fract() != 0.0 || shards > 4096.0 {
        note(problems, &store.at("shards"), "must be a whole number from 1 to 4096");
    }
    let lease = store.duration("lease", "10s", problems);
    let wait_aof = store.word("wait", &[("none", false), ("aof", true)], problems).unwrap_or(false);
    store.finish(problems);
    StoreChoice { url, shards: shards as u16, lease, wait_aof }
}

fn read_account(mut account: Section<'_>, problems: &mut Vec<Problem>) -> Key {
    let id = account.required("keyId", problems);
    let secret = Secret::new(account.required("secret", problems));
    account.finish(problems);
    Key::declared(id, secret, KeyScope::Account)
}

fn read_sim(mut sim: Section<'_>, problems: &mut Vec<Problem>) -> Option<SocketAddr> {
    let configured = sim.exists();
    let listen = address(&mut sim, "listen", "127.0.0.1:8081", problems);
    sim.finish(problems);
    configured.then_some(listen)
}

fn read_providers(
    mut providers: Section<'_>,
    registry: &Registry,
    problems: &mut Vec<Problem>,
) -> HashMap<String, Map<String, Value>> {
    let mut read = HashMap::new();
    for kind in registry.kinds() {
        let section = providers.section(kind, problems);
        if section.exists() {
            read.insert(kind.to_owned(), section.rest());
        }
    }
    providers.finish(problems);
    read
}

fn read_egress(mut egress: Section<'_>, problems: &mut Vec<Problem>) -> Vec<IpNet> {
    let mut allow = Vec::new();
    for (index, text) in egress.texts("allow", problems).unwrap_or_default().into_iter().enumerate() {
        match text.parse() {
            Ok(range) => allow.push(range),
            Err(_) => {
                note(problems, &format!("egress.allow[{index}]"), "must be a range such as `10.0.0.0/8`")
            }
        }
    }
    egress.finish(problems);
    allow
}

fn read_send(mut send: Section<'_>, problems: &mut Vec<Problem>) -> Send {
    let default = ["1s", "5s", "20s", "60s", "5m"].iter().filter_map(|wait| values::duration(wait)).collect();
    let retry = send.durations("retry", problems).unwrap_or(default);
    let expires_after = send.duration("expiresAfter", "24h", problems);
    let reconcile_window = send.duration("reconcileWindow", "30s", problems);
    let mut deadlines = send.section("receiptDeadline", problems);
    let receipt_deadlines = [("twilio", "72h"), ("messagebird", "72h"), ("whatsapp", "30d")]
        .into_iter()
        .map(|(kind, default)| (kind.to_owned(), deadlines.duration(kind, default, problems)))
        .collect();
    deadlines.finish(problems);
    let receipt_check = send.duration("receiptCheck", "5m", problems);
    send.finish(problems);
    Send { retry, expires_after, reconcile_window, receipt_deadlines, receipt_check }
}

fn read_retention(mut retention: Section<'_>, problems: &mut Vec<Problem>) -> Retention {
    let read = Retention {
        notifications: retention.duration("notifications", "7d", problems),
        dedupe: retention.duration("dedupe", "8d", problems),
        dead_letters: retention.duration("deadLetters", "30d", problems),
    };
    retention.finish(problems);
    read
}

fn read_secrets_key(secrets: &mut Section<'_>, problems: &mut Vec<Problem>) -> Option<Secret> {
    let text = secrets.text("key", problems)?;
    match base64::engine::general_purpose::STANDARD.decode(&text) {
        Ok(bytes) if bytes.len() == 32 => Some(Secret::new(text)),
        _ => {
            note(problems, &secrets.at("key"), "must be 32 bytes in base64");
            None
        }
    }
}

/// Whoever listens to the world must not do so with secrets the world knows, or keeps them in the clear.
fn refuse_exposure(config: &Config, problems: &mut Vec<Problem>) {
    let exposed = !config.server.listen.ip().is_loopback() || !config.server.admin.ip().is_loopback();
    if !exposed {
        return;
    }
    if config.secrets_key.is_none() {
        note(problems, "secrets.key", "is required to listen on an address others can reach");
    }
    let webhook_secrets =
        config.tenants.iter().flat_map(|tenant| &tenant.webhooks).map(|webhook| &*webhook.secret);
    let secrets = config.keys.iter().map(|key| key.secret.expose()).chain(webhook_secrets);
    for secret in secrets.filter(|secret| SAMPLE_SECRETS.contains(secret)) {
        let message = format!("refused while a secret of the sample configuration (`{secret}`) is in use");
        note(problems, "server.listen", &message);
    }
}

#[cfg(test)]
mod tests;
