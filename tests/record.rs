//! `--record`: what providers say becomes tapes that play, and nothing real is in them.

use std::path::Path;
use std::process::Command;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    recorded_traffic_plays_and_holds_nothing_real,
}

/// What must not be found afterwards: the secret, the account, both numbers, and what was said.
const ACCOUNT: &str = "AC5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e";
const TOKEN: &str = "fake-but-kept-private";
const NUMBER: &str = "+14165550188";
const PERSON: &str = "+16135550147";
const SAID: &str = "Meet me at the lighthouse";
const ANSWERED: &str = "Certainly, Penelope";

async fn recorded_traffic_plays_and_holds_nothing_real(engine: Engine) {
    let folder = tempfile::tempdir().expect("a folder");
    let tapes = folder.path().join("tapes");
    let path: &'static str = tapes.to_str().expect("a readable path").to_owned().leak();
    let arguments = ["--record", path];
    let rig = Rig::started(engine, &arguments, |config| {
        config
            .set("apps.0.integrations.0.accountSid", ACCOUNT)
            .set("apps.0.integrations.0.authToken", TOKEN)
            .set("apps.0.integrations.0.phoneNumber", NUMBER)
    });
    let mut rig = rig.await;
    rig.sim().write(PERSON, SAID).await;
    rig.receiver.trigger("message:appUser").await;
    let (id, _) = rig.notify_and_deliver(PERSON, ANSWERED).await;
    assert!(rig.gateway.terminate().await.success());

    let replay = Command::new(env!("CARGO_BIN_EXE_heliograph")).args(["replay", path]).output();
    let replay = replay.expect("the binary runs");
    let told = String::from_utf8_lossy(&replay.stdout);
    assert!(replay.status.success(), "{told}");
    assert!(!told.contains("forged") && !told.contains("malformed"), "{told}");
    for meant in ["message", "delivered", "POST /2010-04-01/Accounts/AC", "201 Created"] {
        assert!(told.contains(meant), "no {meant} in\n{told}");
    }

    let mut texts = Vec::new();
    read(&tapes, &mut texts);
    for name in
        ["hook.http", "message.json", "1.request.http", "1.response.http", "outcome.json", "events.json"]
    {
        assert!(texts.iter().any(|(path, _)| path.ends_with(name)), "no {name} was written");
    }
    let pair = BASE64.encode(format!("{ACCOUNT}:{TOKEN}"));
    let reals = [ACCOUNT, TOKEN, &NUMBER[1..], &PERSON[1..], "lighthouse", "Penelope", &id, &pair];
    for (path, text) in texts {
        for real in reals {
            assert!(!text.contains(real), "{path}: {real} in\n{text}");
        }
    }
}

fn read(folder: &Path, texts: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read(&path, texts);
        } else {
            let text = std::fs::read(&path).expect("a readable file");
            texts.push((path.display().to_string(), String::from_utf8_lossy(&text).into_owned()));
        }
    }
}
