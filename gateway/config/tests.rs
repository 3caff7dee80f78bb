//! The configuration as a whole: the sample is valid, and every mistake is reported with its path.

use super::*;

const SAMPLE: &str = include_str!("../../config.toml");

fn problems(text: &str) -> Vec<String> {
    match Config::parse(text, &|_| None, Known { registry: &Registry::builtin(), triggers: |_| &["*"] }) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(Problem::to_string).collect(),
    }
}

#[test]
fn the_sample_is_valid() {
    assert_eq!(problems(SAMPLE), [""; 0]);
}

#[test]
fn every_mistake_is_reported_with_its_path() {
    let text = SAMPLE
        .replace("[webhooks]\nschedule = \"sunshine\"", "[webhooks]\nschedule = \"hourly\"")
        .replace("authToken", "authTokn")
        .replace("admin = \"127.0.0.1:8082\"", "admin = \"here\"\ncolour = \"red\"")
        .replace("name = \"Demo\"", "name = 7");
    assert_eq!(
        problems(&text),
        [
            "server.admin: must be an address and port such as `127.0.0.1:8080`",
            "server.colour: is not a setting",
            "webhooks.schedule: must be `sunshine`, `durable` or a list of waits",
            "apps[0].name: must be a string",
            "apps[0].integrations[0].authToken: is required",
            "apps[0].integrations[0].authTokn: is not a setting of this channel",
        ]
    );
}

#[test]
fn the_world_is_not_served_with_sample_secrets() {
    let text = SAMPLE.replace("listen = \"127.0.0.1:8080\"", "listen = \"0.0.0.0:8080\"");
    let found = problems(&text);
    assert!(found.iter().any(|problem| problem.starts_with("secrets.key: is required")), "{found:?}");
    assert!(found.iter().any(|problem| problem.contains("`demo-app-secret`")), "{found:?}");
}

#[test]
fn broken_syntax_names_its_line() {
    let found = problems("[server]\nlisten = \n");
    assert!(found.len() == 1 && found[0].starts_with("line 2: "), "{found:?}");
}
