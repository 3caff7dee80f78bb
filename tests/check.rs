//! `heliograph check`: every mistake of a configuration at once, each with its path.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::harness::Config;
use crate::harness::process::BINARY;

fn check(path: &Path) -> Output {
    Command::new(BINARY).arg("check").arg("--config").arg(path).output().expect("the command runs")
}

fn written(folder: &tempfile::TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("config.toml");
    std::fs::write(&path, text).expect("the file can be written");
    path
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

#[test]
fn the_sample_configuration_has_no_problem() {
    let output = check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("config.toml"));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn five_mistakes_are_five_problems_with_their_paths() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = Config::default()
        .set("server.listen", "somewhere")
        .set("store.url", "mysql://db.example.com/heliograph")
        .set("webhooks.timeout", "soon")
        .set("apps.0.integrations.0.type", "pigeon")
        .list("apps.0.webhooks.0.triggers", &["message:appuser"]);
    let output = check(&written(&folder, &config.text()));
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    let mut problems: Vec<&str> = said.lines().filter(|line| path_of(line).is_some()).collect();
    assert_eq!(problems.len(), 5, "{said}");
    for path in [
        "server.listen",
        "store.url",
        "webhooks.timeout",
        "apps[0].integrations[0].type",
        "apps[0].webhooks[0].triggers",
    ] {
        let place =
            problems.iter().position(|line| path_of(line).is_some_and(|found| found.starts_with(path)));
        problems.remove(place.unwrap_or_else(|| panic!("{path} is not named in:\n{said}")));
    }
}

/// The path a problem begins with: `server.listen: …`.
fn path_of(line: &str) -> Option<&str> {
    let (path, _) = line.trim_start_matches(['-', ' ', '\t']).split_once(": ")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._[]\"".contains(c);
    (path.contains('.') && path.chars().all(plain)).then_some(path)
}

#[test]
fn a_missing_file_is_a_problem() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = check(&folder.path().join("config.toml"));
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("config.toml"), "{}", said(&output));
}

#[test]
fn an_unknown_key_is_a_problem() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = check(&written(&folder, &Config::default().set("server.colour", "blue").text()));
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("colour"), "{}", said(&output));
}

#[test]
fn secrets_do_not_appear_in_what_check_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config =
        Config::default().set("apps.0.integrations.0.accountSid", "fake-wrong").set("server.listen", "no");
    let said = said(&check(&written(&folder, &config.text())));
    for secret in ["fake-auth-token", "fake-app-secret", "fake-webhook-secret", "fake-account-secret"] {
        assert!(!said.contains(secret), "{said}");
    }
}
