//! The demo notices a channel that does not work: with each one broken in turn it fails and names what is missing.

use std::process::{Command, Output};
use std::thread;

use heliograph_connectors::Registry;

/// `heliograph demo` with this broken.
fn demo(broken: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_broken-gateway"));
    command.arg("demo").env("BREAK", broken).output().expect("the gateway runs")
}

/// Breaks every channel in this way, all at once, and looks for what must then be named as missing.
fn each_channel(way: &str, missing: &[&str]) {
    thread::scope(|scope| {
        let kinds: Vec<&str> = Registry::builtin().kinds().collect();
        assert!(!kinds.is_empty(), "no channels: nothing was checked");
        for kind in kinds {
            scope.spawn(move || {
                let output = demo(&format!("{kind}:{way}"));
                let said = String::from_utf8_lossy(&output.stdout);
                assert_eq!(output.status.code(), Some(1), "{kind}:{way} was not noticed:\n{said}");
                for what in missing {
                    let named = said.lines().any(|line| line == format!("missing: {kind} {what}"));
                    assert!(named, "{kind}:{way}: {what} is not named in:\n{said}");
                }
                let others = said.lines().filter(|line| line.starts_with("missing: "));
                let mistaken: Vec<&str> = others.filter(|line| !line.contains(kind)).collect();
                assert!(mistaken.is_empty(), "{kind}:{way}: only {kind} is broken, but {mistaken:?}");
            });
        }
    });
}

#[test]
fn a_channel_that_cannot_send_is_named() {
    each_channel("send", &["sent", "notification:delivery:channel", "recentNotifications"]);
}

#[test]
fn a_channel_that_hears_nothing_is_named() {
    each_channel("parse", &["message:appUser", "recentNotifications"]);
}
