//! The house rules as tests: who may import whom, one address per dependency, sizes, names, clean fixtures.
//!
//! The table of floors is `gateway/README.md`; this reads the source and holds it to that.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Module of the gateway → modules it may import with `crate::` (itself always).
const FLOORS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("metrics", &[]),
    ("store", &["model", "metrics"]),
    ("core", &["model", "metrics", "store"]),
    ("wire", &["model"]),
    ("settings", &["model", "store"]),
    ("egress", &["model"]),
    ("channels", &["model", "settings"]),
    ("telemetry", &["config"]),
    ("recorder", &["model"]),
    ("sim", &[]),
    ("spool", &[]),
    ("demo", &[]),
    ("commands", &["model"]),
    ("media", &["model", "core"]),
    ("api", &["model", "core", "wire", "settings", "channels", "media", "metrics", "recorder", "spool"]),
    (
        "outbox",
        &["model", "metrics", "core", "store", "wire", "settings", "channels", "egress", "media", "recorder"],
    ),
    ("config", &["model"]),
];

/// The top of the house: sees everything and is seen by nobody below.
const ROOF: &[&str] = &["run", "main", "lib", "server", "cli"];

/// Crate → where it may be named, and why there.
const ADDRESSES: &[(&str, &[&str], &str)] = &[
    ("reqwest", &["gateway/egress.rs", "gateway/sim/", "gateway/demo/", "gateway/commands/"], "one door out"),
    ("governor", &["gateway/outbox/limiter.rs"], "limits are exact because one place keeps them"),
    ("redis", &["gateway/store/redis/"], "an engine is an implementation detail of the store"),
    ("rusqlite", &["gateway/store/embedded/"], "an engine is an implementation detail of the store"),
    ("hmac", &["connectors/channel/signature.rs"], "signatures are compared in one place"),
    ("sha1", &["connectors/channel/signature.rs"], "signatures are compared in one place"),
    ("sha2", &["connectors/channel/signature.rs"], "signatures are compared in one place"),
    ("hyper", &["gateway/server.rs", "gateway/sim/server.rs"], "one accept loop with its time limits"),
    ("hyper_util", &["gateway/server.rs", "gateway/sim/server.rs"], "one accept loop with its time limits"),
    ("ring", &["gateway/settings/sealed.rs"], "what is encrypted at rest is encrypted in one way"),
    ("infer", &["gateway/media/"], "what a file is, is decided in one place"),
    ("prometheus_client", &["gateway/metrics/"], "what is counted stands on one page"),
    ("lettre", &["connectors/mailgun/"], "mail is one channel's business"),
    ("pulldown_cmark", &["gateway/wire/v2/markdown.rs"], "what Markdown means is decided in one place"),
    ("nanohtml2text", &["gateway/wire/v2/html.rs"], "what HTML reads like is decided in one place"),
];

/// Where tasks and threads may be started, and why there.
const SPAWNS: &[(&str, &str)] = &[
    ("gateway/run.rs", "starts and supervises everything that lives as long as the process"),
    ("gateway/server.rs", "one task per connection"),
    ("gateway/store/suite/", "callers at once, which is what it tests"),
    ("gateway/outbox/", "one task per owned work queue and per job in flight"),
    ("gateway/store/embedded/", "the writer thread, and readers off the async threads"),
    ("gateway/sim/", "receipts that come after the answer"),
];

/// What the pure floors may not name: time, tasks and the network come in as values.
const IMPURE: &[&str] =
    &["SystemTime::now", "Timestamp::now", "Instant::now", "tokio::", "std::net", "std::fs"];
const PURE: &[&str] = &["gateway/model/", "gateway/core/", "gateway/wire/", "connectors/"];
/// `model/clock.rs` is the one door to the time; the tape runner reads fixture folders.
const DOORS: &[&str] = &["gateway/model/clock.rs", "connectors/channel/testing/"];

const JUNK: &[&str] = &["util", "utils", "common", "helper", "helpers", "types", "prelude", "misc", "shared"];

const FILE_LINES: usize = 450;
const FUNCTION_LINES: usize = 70;

/// Hosts that fixtures may name besides `example.*` and loopback: the providers' own, as they appear in their traffic.
const PROVIDER_HOSTS: &[&str] = &[
    "api.twilio.com",
    "www.twilio.com",
    "rest.messagebird.com",
    "graph.facebook.com",
    "www.facebook.com",
    "lookaside.fbsbx.com",
    "api.mailgun.net",
    "api.eu.mailgun.net",
    "www.gravatar.com",
    "maps.google.com",
];

/// Keys whose values are secrets.
const SECRET_KEYS: &[&str] = &[
    "authToken",
    "secret",
    "accessKey",
    "signingKey",
    "accessToken",
    "appSecret",
    "verifyToken",
    "apiKey",
    "pageAccessToken",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file under these folders whose name ends so, with its path from the root; at least one must be there.
fn files(folders: &[&str], endings: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in folders {
        walk(&root().join(folder), &mut found);
    }
    let mut read = Vec::new();
    for path in found {
        let name = path.strip_prefix(root()).expect("under the root").to_string_lossy().into_owned();
        if endings.iter().any(|ending| name.ends_with(ending)) {
            let text = std::fs::read(&path).expect("a readable file");
            read.push((name, String::from_utf8_lossy(&text).into_owned()));
        }
    }
    assert!(!read.is_empty(), "no {endings:?} under {folders:?}: nothing was checked");
    read.sort();
    read
}

/// The Rust files that are the product: not the `tests.rs` beside a module, which only test builds see.
fn product_files(folders: &[&str]) -> Vec<(String, String)> {
    let mut found = files(folders, &[".rs"]);
    found.retain(|(path, _)| !path.ends_with("/tests.rs"));
    found
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && name != "node_modules" {
            walk(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

/// The lines of product code with their numbers: no comments, nothing from the tests at a file's end on.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let product = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    product
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The module of the gateway a file belongs to: `gateway/api/auth.rs` and `gateway/api.rs` are `api`.
fn module(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("gateway/")?;
    let first = rest.split('/').next()?;
    Some(first.strip_suffix(".rs").unwrap_or(first))
}

/// The names that follow `prefix` in a text: one, or each of a braced list.
fn imported<'a>(text: &'a str, prefix: &str) -> Vec<&'a str> {
    let mut names = Vec::new();
    for (at, _) in text.match_indices(prefix) {
        if text[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &text[at + prefix.len()..];
        match rest.strip_prefix('{') {
            None => names.push(word(rest)),
            Some(list) => names.extend(heads_of_list(list)),
        }
    }
    names.retain(|name| name.starts_with(|c: char| c.is_lowercase()));
    names
}

/// `a::b, c::{d, e}}` → a, c.
fn heads_of_list(list: &str) -> Vec<&str> {
    let (mut heads, mut depth, mut fresh) = (Vec::new(), 0, true);
    for (at, c) in list.char_indices() {
        match c {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if fresh && !c.is_whitespace() => {
                heads.push(word(&list[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    heads
}

fn word(text: &str) -> &str {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default()
}

/// Whether a line names a crate (`redis::…`, `use redis`), and not a module of that name in a longer path.
fn names_crate(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let before = &line[..at];
        let fresh = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '"');
        let after = &line[at + name.len()..];
        fresh
            && (after.starts_with("::")
                || (before.trim_end().ends_with("use") && after.starts_with([';', ' '])))
    })
}

fn report(problems: &[String]) {
    let mut text = String::new();
    for problem in problems {
        let _ = writeln!(text, "  {problem}");
    }
    assert!(problems.is_empty(), "\n{text}");
}

#[test]
fn nobody_imports_from_a_floor_above() {
    let mut problems = Vec::new();
    for (path, text) in product_files(&["gateway"]) {
        let module = module(&path).expect("of the gateway");
        if ROOF.contains(&module) {
            continue;
        }
        let Some((_, allowed)) = FLOORS.iter().find(|(name, _)| *name == module) else {
            problems.push(format!("{path}: module {module} has no floor"));
            continue;
        };
        let product: String = code(&text).map(|(_, line)| format!("{line}\n")).collect();
        for name in imported(&product, "crate::") {
            if name != module && !allowed.contains(&name) {
                problems.push(format!("{path}: {module} may not import {name}"));
            }
        }
    }
    report(&problems);
}

#[test]
fn connectors_know_the_contract_and_not_each_other() {
    let mut problems = Vec::new();
    for (path, text) in files(&["connectors"], &[".rs"]) {
        let folder =
            path.strip_prefix("connectors/").and_then(|rest| rest.split_once('/')).map(|(name, _)| name);
        let Some(folder) = folder else { continue };
        let product: String = code(&text).map(|(_, line)| format!("{line}\n")).collect();
        for name in imported(&product, "crate::") {
            let allowed = name == folder || (folder != "channel" && ["channel", "meta"].contains(&name));
            if !allowed {
                problems.push(format!("{path}: {folder} may not import {name}"));
            }
        }
    }
    report(&problems);
}

#[test]
fn each_dependency_has_one_address() {
    let mut problems = Vec::new();
    for (path, text) in product_files(&["gateway", "connectors"]) {
        for (line_number, line) in code(&text) {
            for (name, addresses, why) in ADDRESSES {
                if names_crate(line, name) && !addresses.iter().any(|address| path.starts_with(address)) {
                    problems.push(format!("{path}:{line_number}: {name} lives in {addresses:?}: {why}"));
                }
            }
        }
    }
    report(&problems);
}

#[test]
fn tasks_are_started_in_known_places() {
    let places: Vec<&str> = SPAWNS.iter().map(|(place, _)| *place).collect();
    let mut problems = Vec::new();
    for (path, text) in product_files(&["gateway", "connectors"]) {
        for (line_number, line) in code(&text) {
            let spawns = ["spawn(", "spawn_blocking(", "spawn_local("].iter().any(|call| line.contains(call));
            if spawns && !places.iter().any(|place| path.starts_with(place)) {
                problems.push(format!("{path}:{line_number}: {}", line.trim()));
            }
        }
    }
    report(&problems);
}

#[test]
fn the_pure_floors_are_pure() {
    let mut problems = Vec::new();
    for (path, text) in product_files(PURE) {
        if DOORS.iter().any(|door| path.starts_with(door)) {
            continue;
        }
        for (line_number, line) in code(&text) {
            for word in IMPURE.iter().filter(|word| line.contains(*word)) {
                problems.push(format!("{path}:{line_number}: {word}"));
            }
        }
    }
    report(&problems);
}

#[test]
fn a_file_is_a_thought() {
    let mut problems = Vec::new();
    for (path, text) in files(&["gateway", "connectors", "tests"], &[".rs"]) {
        let lines = text.lines().count();
        if lines > FILE_LINES {
            problems.push(format!("{path}: {lines} lines, {FILE_LINES} at most"));
        }
        if !text.starts_with("//! ") {
            problems.push(format!("{path}: the first line says what lives here, as `//! …`"));
        }
        for (name, start, lines) in functions(&text).into_iter().filter(|(.., lines)| *lines > FUNCTION_LINES)
        {
            problems.push(format!("{path}:{start}: {name} has {lines} lines, {FUNCTION_LINES} at most"));
        }
    }
    report(&problems);
}

/// Name, first line and length of every function: rustfmt closes each at its own indentation.
fn functions(text: &str) -> Vec<(String, usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let Some(name) =
            imported(line, "fn ").first().copied().filter(|_| !line.trim_start().starts_with("//"))
        else {
            continue;
        };
        let closing = format!("{}}}", " ".repeat(indent));
        let opens = lines[index..].iter().position(|line| line.ends_with('{') || line.ends_with(';'));
        let Some(opens) = opens.filter(|opens| lines[index + opens].ends_with('{')) else { continue };
        let length = lines[index + opens..].iter().position(|line| *line == closing).unwrap_or(0);
        found.push((name.to_owned(), index + 1, opens + length + 1));
    }
    found
}

#[test]
fn nothing_is_called_a_junk_drawer() {
    let named = |(path, _): &(String, String)| {
        let mut words = path.split('/').map(|word| word.strip_suffix(".rs").unwrap_or(word));
        words.any(|word| JUNK.contains(&word))
    };
    let found: Vec<String> = files(&["gateway", "connectors", "tests"], &[".rs"])
        .into_iter()
        .filter(named)
        .map(|(path, _)| path)
        .collect();
    report(&found);
}

#[test]
fn secrets_in_fixtures_are_fake() {
    let mut problems = Vec::new();
    for (path, text) in files(&["fixtures"], &[".toml", ".json"]) {
        for (index, line) in text.lines().enumerate() {
            let Some((key, value)) = line.split_once(['=', ':']) else { continue };
            let (key, value) =
                (key.trim().trim_matches('"'), value.trim().trim_end_matches(',').trim_matches('"'));
            let named = ["fake", "demo"].iter().any(|word| value.contains(word)) || value.starts_with('<');
            if SECRET_KEYS.contains(&key) && !named {
                problems.push(format!("{path}:{}: {key} must contain `fake`", index + 1));
            }
        }
    }
    report(&problems);
}

#[test]
fn fixtures_name_no_real_hosts() {
    let mut problems = Vec::new();
    for (path, text) in files(&["fixtures"], &[""]) {
        // Forms carry addresses percent-encoded, JSON may escape the slash.
        let text = text.replace("%3A", ":").replace("%2F", "/").replace("\\/", "/");
        for (at, mark) in text.match_indices("http://").chain(text.match_indices("https://")) {
            let rest = &text[at + mark.len()..];
            let host = rest.split(|c: char| !(c.is_ascii_alphanumeric() || ".-_@{}".contains(c))).next();
            let host = host.unwrap_or_default();
            if !is_harmless(host) {
                problems.push(format!("{path}: {host}"));
            }
        }
    }
    report(&problems);
}

fn is_harmless(host: &str) -> bool {
    let example = |part: &str| part == "example" || part.starts_with('{');
    ["localhost", "127.0.0.1", ""].contains(&host)
        || PROVIDER_HOSTS.contains(&host)
        || host.split('.').rev().take(2).any(example)
}

mod reading {
    //! The rules above are worth what these can see.

    use super::{code, functions, imported, is_harmless, module, names_crate};

    #[test]
    fn imports_are_found_singly_and_in_lists() {
        let text = "use crate::model::Id;\nuse crate::{\n    core::{notify, settle},\n    store,\n};\nlet x = crate::wire::v1();";
        assert_eq!(imported(text, "crate::"), ["model", "core", "store", "wire"]);
        assert!(imported("use supercrate::model;", "crate::").is_empty());
    }

    #[test]
    fn a_crate_is_not_a_module_of_its_name() {
        assert!(names_crate("use redis::Client;", "redis"));
        assert!(names_crate("    let c: redis::Client = open();", "redis"));
        assert!(!names_crate("use crate::store::redis::open;", "redis"));
        assert!(!names_crate("mod redis;", "redis"));
        assert!(!names_crate("open(\"redis://h\")", "redis"));
    }

    #[test]
    fn tests_and_comments_are_not_product_code() {
        let text = "a\n// b\nc\n#[cfg(test)]\nmod tests {\n    d\n}\n";
        let lines: Vec<_> = code(text).collect();
        assert_eq!(lines, [(1, "a"), (3, "c")]);
    }

    #[test]
    fn functions_are_measured_from_signature_to_brace() {
        let text =
            "fn one() -> u8 { 1 }\n\npub(crate) async fn two(\n    a: u8,\n) {\n    if a > 1 {\n    }\n}\n";
        let found = functions(text);
        assert!(found.contains(&("two".to_owned(), 3, 6)), "{found:?}");
    }

    #[test]
    fn modules_and_hosts_are_told_apart() {
        assert_eq!(module("gateway/api/v1/users.rs"), Some("api"));
        assert_eq!(module("gateway/settings.rs"), Some("settings"));
        for host in ["example.com", "hooks.example.org", "127.0.0.1", "api.twilio.com"] {
            assert!(is_harmless(host), "{host}");
        }
        for host in ["example.evil.com", "smooch.io", "10.0.0.1"] {
            assert!(!is_harmless(host), "{host}");
        }
    }
}
