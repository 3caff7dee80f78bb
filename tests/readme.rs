//! The pages hold: the first notification works as pasted, and every test, route, key and floor named is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::process::Process;
use crate::harness::{eventually, ports};

const README: &str = include_str!("../README.md");
const MAP: &str = include_str!("../gateway/README.md");
const MOVING: &str = include_str!("../gateway/MOVING.md");

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn source(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The text between a heading and the next one of its rank or above.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let start = page.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no heading `{heading}`"));
    let text = &page[start + heading.len() + 2..];
    let rank = heading.split(' ').next().map_or(0, str::len);
    let ends = (1..=rank).filter_map(|rank| text.find(&format!("\n{} ", "#".repeat(rank))));
    &text[..ends.min().unwrap_or(text.len())]
}

/// The cells of each row of the tables in a text, without heads and lines.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines: Vec<&str> = text.lines().collect();
    let is_row = |line: &str| line.starts_with('|') && !line.starts_with("|---");
    let is_head = |at: usize| lines.get(at + 1).is_some_and(|next| next.starts_with("|---"));
    let rows = (0..lines.len()).filter(|at| is_row(lines[*at]) && !is_head(*at));
    rows.map(|at| lines[at].trim_matches('|').split(" |").map(str::trim).collect()).collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// What the sample configuration and the commands written for it say, at addresses of this test's own.
struct Moved([(&'static str, String); 3]);

impl Moved {
    fn new() -> Moved {
        let at = |port: u16| format!("127.0.0.1:{port}");
        Moved(["127.0.0.1:8080", "127.0.0.1:8081", "127.0.0.1:8082"].map(|told| (told, at(ports::free()))))
    }

    fn apply(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (told, ours)| text.replace(told, ours))
    }
}

/// Runs a command as a reader pastes it, and answers what it printed as JSON.
fn pasted(command: &str) -> Value {
    let run = |command: &str| Command::new("bash").args(["-c", command]).output().expect("bash is there");
    assert!(run("command -v curl").status.success(), "this test runs the README's commands and needs curl");
    let output = run(command);
    let printed = String::from_utf8_lossy(&output.stdout);
    let parsed = serde_json::from_str(&printed);
    parsed.unwrap_or_else(|error| panic!("{command}\nended with {}: {error}: {printed}", output.status))
}

/// The bodies of the webhooks that an inbox listing shows.
fn told(listing: &Value) -> Vec<&Value> {
    listing["inbox"].as_array().expect("an inbox").iter().map(|arrival| &arrival["body"]).collect()
}

#[tokio::test]
async fn the_first_notification_works_as_pasted() {
    let moved = Moved::new();
    let steps = section(README, "## First notification").split("```sh\n").skip(1);
    let steps: Vec<String> =
        steps.map(|step| moved.apply(step.split("```").next().unwrap_or_default())).collect();
    let [notify, look, write, look_again] = steps.as_slice() else { panic!("not four steps: {steps:?}") };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("config.toml");
    std::fs::write(&config, moved.apply(&source("config.toml"))).expect("the configuration can be written");
    let arguments = ["serve", "--config", config.to_str().expect("a readable path")];
    let _gateway = Process::start(&arguments, &folder.path().join("gateway.log")).await;

    let accepted = pasted(notify);
    let id = accepted["notification"]["_id"].as_str().expect("an id");
    assert!(uuid::Uuid::parse_str(id).is_ok(), "{accepted}");
    let delivered = |listing: &Value| {
        let about = told(listing).into_iter().filter(|event| event["notification"]["_id"] == id);
        about.map(|event| (event["trigger"].clone(), event["isFinalEvent"].clone())).collect::<Vec<_>>()
    };
    let expected = [
        (json!("notification:delivery:channel"), json!(false)),
        (json!("notification:delivery:user"), json!(true)),
    ];
    eventually("both events", async || (delivered(&pasted(look)) == expected).then_some(())).await;

    assert_eq!(pasted(write)["status"], 200);
    let reply = eventually("the reply", async || {
        let listing = pasted(look_again);
        told(&listing).into_iter().find(|event| event["trigger"] == "message:appUser").cloned()
    })
    .await;
    assert_eq!(reply["messages"][0]["text"], "Thank you!");
    assert_eq!(reply["recentNotifications"][0]["text"], "Your parcel has arrived.");
}

#[test]
fn every_test_named_is_there() {
    let targets = ["stories", "floors", "tapes", "stores", "client", "outside"];
    let mut seen = BTreeSet::new();
    for named in [README, MAP].into_iter().flat_map(quoted) {
        let Some((target, name)) = named.split_once(": ").filter(|(target, _)| targets.contains(target))
        else {
            continue;
        };
        assert!(is_there(target, name), "`{named}` is no test");
        seen.insert(named);
    }
    assert!(seen.len() > 40, "few tests are named, was anything checked? {seen:?}");
}

fn is_there(target: &str, name: &str) -> bool {
    let last = name.rsplit("::").next().unwrap_or(name);
    let function = format!("fn {last}(");
    match (target, name.split("::").collect::<Vec<_>>().as_slice()) {
        ("stories", [modules @ .., "embedded" | "redis", story]) if modules.first() != Some(&"channels") => {
            let text = source(&format!("tests/{}.rs", modules.join("/")));
            let list = text.split("on_both_engines! {").nth(1).and_then(|rest| rest.split('}').next());
            let mut listed = list.unwrap_or_default().split(',').map(str::trim);
            listed.any(|one| one == *story) && text.contains(&function)
        }
        ("stories", ["channels", channel, "embedded" | "redis", story]) => {
            let text = source("tests/channels.rs");
            let list = text.split("on_every_channel! {").nth(1).and_then(|rest| rest.split("} }").next());
            let mut listed = list.unwrap_or_default().split([',', '{', '=']).map(str::trim);
            listed.clone().any(|one| one == *channel)
                && listed.any(|one| one == *story)
                && text.contains(&function)
        }
        ("stories", [module, _]) => {
            let text = source(&format!("tests/{module}.rs"));
            let before = text.split(&function).next().unwrap_or_default();
            before.len() < text.len() && before.trim_end_matches("async ").ends_with("test]\n")
        }
        ("floors", [_]) => source("tests/floors.rs").contains(&format!("#[test]\n{function}")),
        ("tapes", [channel, way, case]) => {
            root().join("fixtures").join(channel).join(way).join(case).is_dir()
        }
        ("stores", [engine, case]) => {
            let mut texts = vec![source("tests/stores.rs"), source("tests/settings_on_stores.rs")];
            texts.extend(files("gateway/store/suite", "rs"));
            let is_case = |text: &String| {
                text.contains(&format!("{function}store")) || text.contains(&format!("::{case}\""))
            };
            source("tests/stores.rs").contains(&format!("{engine}::")) && texts.iter().any(is_case)
        }
        ("client", _) => files("tests/clients/methods", "mjs").iter().any(|text| {
            text.contains(&format!("\nmethod('{name}', ")) || text.contains(&format!("    method('{name}', "))
        }),
        ("outside", [_]) => ["tapes", "demo"].iter().any(|file| {
            source(&format!("tests/outside/{file}.rs")).contains(&format!("#[test]\n{function}"))
        }),
        _ => false,
    }
}

/// The files of a folder with this ending.
fn files(folder: &str, ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let has_ending = |path: &PathBuf| path.extension().is_some_and(|found| found == ending);
    paths.filter(has_ending).map(|path| std::fs::read_to_string(path).expect("a text")).collect()
}

#[test]
fn the_routes_are_those_of_the_tables() {
    for (version, head) in [("/v1.1/", "### v1.1 routes"), ("/v2/", "### v2 routes")] {
        let mut built = BTreeSet::new();
        for (method, path, _) in heliograph::api::routes() {
            // What stands outside of any version goes with the newest, under its whole path.
            if version == "/v2/" && path.starts_with("/oauth/") {
                built.insert(format!("{method} {path}"));
            }
            let Some(path) = path.strip_prefix(version) else { continue };
            // Both shapes of a route are told as one.
            let short = path.strip_prefix("apps/{app}/").filter(|_| version == "/v1.1/");
            built.insert(format!("{method} /{}", short.unwrap_or(path)));
        }
        let told = rows(section(README, head));
        let told: BTreeSet<String> = told.iter().flat_map(|row| quoted(row[0])).map(str::to_owned).collect();
        assert!(built.len() > 10, "{built:?}");
        assert_eq!(told, built, "README's table of routes (left) and the gateway's (right)");
    }
}

/// Ways in which configuration code asks for a key.
const ASKS: &[&str] = &[
    "section",
    "sections",
    "text",
    "texts",
    "required",
    "duration",
    "durations",
    "size",
    "number",
    "word",
    "switch",
    "value",
    "optional",
    "secret",
    "read",
];

/// The keys that a text asks for, with the default where it stands beside the key.
fn asked(text: &str) -> BTreeMap<String, Option<String>> {
    let mut keys = BTreeMap::new();
    for (at, _) in text.match_indices("(\"") {
        let before = &text[..at];
        let verb = before.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
        if ASKS.contains(&verb) {
            let mut words = text[at + 2..].split('"');
            let key = words.next().unwrap_or_default().to_owned();
            let has_default = words.next() == Some(", ");
            keys.insert(key, words.next().filter(|_| has_default).map(str::to_owned));
        }
    }
    for call in text.split("address(&mut ").skip(1) {
        keys.insert(call.split('"').nth(1).unwrap_or_default().to_owned(), None);
    }
    keys
}

#[test]
fn the_configuration_table_names_every_key_with_its_default() {
    let mut text = String::new();
    for file in ["mod.rs", "apps.rs", "webhooks.rs"] {
        text += &source(&format!("gateway/config/{file}"));
    }
    let (keys, _) = section(README, "## Configuration").split_once("### Channels").expect("channels follow");
    let table = rows(keys);
    let is_key = |word: &&str| word.contains('.') && word.chars().all(|c| c.is_alphanumeric() || c == '.');
    let mut told: BTreeMap<&str, Vec<&Vec<&str>>> = BTreeMap::new();
    for row in &table {
        for key in [row[0], row[2]].into_iter().flat_map(quoted).filter(is_key) {
            for word in key.split('.') {
                told.entry(word).or_default().push(row);
            }
        }
    }
    let asked = asked(&text);
    assert!(asked.len() > 40, "{asked:?}");
    for (key, default) in asked {
        let rows = told.get(key.as_str()).unwrap_or_else(|| panic!("`{key}` is not in README's table"));
        let shows = |default: &String| rows.iter().any(|row| row.iter().any(|cell| cell.contains(default)));
        assert!(default.as_ref().is_none_or(shows), "`{key}` is shown without its default {default:?}");
    }
    // `base_url` of a channel asks for this one.
    let known = |word: &&&str| **word == "baseUrl" || text.contains(&format!("\"{word}\""));
    let unknown: Vec<_> = told.keys().filter(|word| !known(word)).collect();
    assert!(unknown.is_empty(), "README's table names what nobody reads: {unknown:?}");
}

#[test]
fn the_channels_table_names_every_setting() {
    let table = rows(section(README, "### Channels"));
    let kinds: Vec<&str> = table.iter().flat_map(|row| quoted(row[0])).collect();
    let known: Vec<&str> = heliograph_connectors::Registry::builtin().kinds().collect();
    assert_eq!(kinds, known, "README's table of channels (left) and the registry (right)");
    for row in &table {
        let kind = quoted(row[0])[0];
        let mut text = source(&format!("connectors/{kind}/mod.rs"));
        if text.contains("Graph::read") {
            text += &source("connectors/meta.rs");
        }
        let mut asked: BTreeSet<String> = asked(&text).into_keys().collect();
        // Keys handed on to whoever reads them, and the one that `base_url` asks for.
        let handed = text.split("(&mut settings, \"").skip(1);
        asked.extend(handed.map(|rest| rest.split('"').next().unwrap_or_default().to_owned()));
        asked.insert("baseUrl".into());
        let told: BTreeSet<String> =
            row[1..3].iter().flat_map(|cell| quoted(cell)).map(str::to_owned).collect();
        let missing: Vec<_> = asked.difference(&told).collect();
        assert!(missing.is_empty(), "{kind}: README does not name {missing:?}");
        let rate = text.split("rate: Rate {").nth(1).expect("a pace").split(',');
        let pace: Vec<f64> = rate
            .take(2)
            .map(|part| part.split(':').nth(1).expect("a number").trim().parse().expect("a number"))
            .collect();
        let shown: Vec<f64> = row[4].split(',').map(|one| one.trim().parse().expect("a number")).collect();
        assert_eq!(shown, pace, "{kind}: pace in README (left) and in the connector (right)");
    }
}

#[test]
fn the_floors_are_those_of_the_test() {
    let told: Vec<String> =
        rows(section(MAP, "## Floors")).iter().map(|row| quoted(&row.join(" ")).join(" ")).collect();
    let source = source("tests/floors.rs");
    let table = source.split("const FLOORS").nth(1).and_then(|rest| rest.split("\n];").next());
    let entries = table.expect("a table of floors").split("\n    (").skip(1);
    let names = |entry: &str| entry.split('"').skip(1).step_by(2).collect::<Vec<_>>().join(" ");
    let held: Vec<String> = entries.map(names).collect();
    assert!(held.len() > 8, "{held:?}");
    assert_eq!(told, held, "gateway/README.md (left) and tests/floors.rs (right)");
}

#[test]
fn links_lead_somewhere() {
    for (page, folder) in [(README, ""), (MAP, "gateway"), (MOVING, "gateway")] {
        let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.starts_with("http")) {
            let target = target.split('#').next().unwrap_or_default();
            assert!(root().join(folder).join(Path::new(target)).exists(), "{folder}: no {target}");
        }
    }
}
