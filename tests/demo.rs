//! `heliograph demo`: every channel with its whole way, and nothing left behind. With a channel broken in turn:
//! `outside/demo.rs`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use heliograph_connectors::Registry;

use crate::harness::process::BINARY;

/// What happened to one of those it shows, as `(seconds, what, the rest)`.
type Way<'a> = Vec<(f64, &'a str, &'a str)>;

/// The demo, with its temporary store in this folder.
fn demo(folder: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command.arg("demo").env("TMPDIR", folder).stdin(Stdio::null());
    command
}

fn way<'a>(said: &'a str, who: &str) -> Way<'a> {
    let line = |line: &'a str| {
        let (time, rest) = line.strip_prefix('+')?.split_once("s  ")?;
        let mut cells = rest.splitn(3, "  ").map(str::trim);
        let is_theirs = cells.next() == Some(who);
        let rest = cells.next().filter(|cell| !cell.is_empty()).or_else(|| cells.next())?;
        let (what, rest) = rest.split_once("  ").unwrap_or((rest, ""));
        is_theirs.then_some((time.parse().expect("seconds"), what, rest.trim()))
    };
    said.lines().filter_map(line).collect()
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).expect("a folder").next().is_none()
}

#[test]
fn every_channel_is_shown_with_its_events() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = demo(folder.path()).output().expect("the command runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    for kind in Registry::builtin().kinds() {
        let way = way(&said, kind);
        for what in
            ["accepted", "sent", "notification:delivery:channel", "message:appUser", "recentNotifications"]
        {
            let times = way.iter().filter(|(_, shown, _)| *shown == what).count();
            assert_eq!(times, 1, "{kind} {what} in:\n{said}");
        }
        let ends = way.iter().filter(|(.., rest)| rest.starts_with("final=true")).count();
        assert_eq!(ends, 1, "{kind} ends once in:\n{said}");
    }
    assert!(is_empty(folder.path()), "the store was left behind");
}

#[test]
fn one_is_refused_and_one_has_to_wait() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = demo(folder.path()).output().expect("the command runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let refused = way(&said, "twilio refused");
    let reason = refused.iter().find(|(_, what, _)| *what == "error.underlyingError").expect("a reason");
    assert!(reason.2.starts_with("21211 "), "{said}");
    let throttled = way(&said, "twilio throttled");
    let at = |what: &str| throttled.iter().find(|(_, shown, _)| *shown == what).expect("a stage").0;
    assert!(at("sent") - at("throttled") >= 0.8, "the provider asked for 0.8 seconds:\n{said}");
    assert!(!throttled.iter().any(|(_, what, _)| *what == "notification:delivery:failure"), "{said}");
}

#[test]
fn an_interrupted_demo_fails_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut child = demo(folder.path()).stdout(Stdio::piped()).spawn().expect("the command runs");
    let mut lines = BufReader::new(child.stdout.take().expect("is piped")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("twilio throttled  throttled")), "it shows the one that waits");
    assert!(!is_empty(folder.path()), "the store is there meanwhile");
    let interrupt = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &interrupt]).status().expect("a shell").success());
    let rest: Vec<String> = lines.collect();
    assert!(!child.wait().expect("is reaped").success(), "{rest:?}");
    assert!(is_empty(folder.path()), "the store was left behind");
}
