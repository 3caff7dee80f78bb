//! A gateway that knows the pigeon: the binary of this crate reads a configuration with one.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const CONFIG: &str = r#"
[account]
keyId = "act_000000000000000000000001"
secret = "fake-account-secret"
[[apps]]
id = "5963c0d619a30a2e00de36b8"
name = "Loft"
[[apps.integrations]]
id = "5e1f438bf99fb467810c0ab9"
type = "pigeon"
"#;

fn check(name: &str, settings: &str) -> Output {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, format!("{CONFIG}{settings}")).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_pigeon-gateway"));
    command.args(["check", "--config"]).arg(&path).output().expect("the gateway runs")
}

#[test]
fn a_pigeon_can_be_configured() {
    let output = check("right.toml", "seed = \"fake-seed\"\n");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_pigeon_without_its_settings_is_a_problem_with_a_path() {
    let output = check("wrong.toml", "");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && said.contains("apps[0].integrations[0]."), "{output:?}");
}
