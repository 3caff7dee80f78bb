//! Who leads a conversation for the business: every move, by whom it may be made, where it leads and what is told.

mod scene;
mod turns;

use scene::{Scene, state_of, text, types};
use serde_json::{Value, json};

use crate::harness::{Engine, Golden, on_both_engines};

on_both_engines! {
    every_move_leads_where_the_table_says,
    where_no_turns_are_taken_nobody_moves,
    a_move_names_a_conversation_and_whom_it_is_for,
    a_move_made_again_under_its_key_is_made_once,
    every_event_of_a_move_is_as_recorded,
}

/// A move: from a state, by whom, what, to whom; where it leads, and what is told.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

/// Refused with 403.
const REFUSED: &str = "403";

const ROWS: &[Row] = &[
    ("bot", "app", "pass", "agents", "agents", "passControl agents"),
    ("bot>agents", "bot", "pass", "next", "agents", "passControl agents"),
    ("bot>agents", "agents", "pass", "twilio", "phone", "passControl phone"),
    ("-", "app", "pass", "agents", "agents", "passControl agents"),
    ("bot", "app", "pass", "next", "agents", "passControl agents"),
    ("agents", "guest", "pass", "bot", "bot", "passControl bot"),
    ("agents", "bot", "pass", "next", "agents", ""),
    ("agents", "app", "pass", "agents", "agents", ""),
    ("agents>bot", "app", "pass", "agents", "agents>bot", ""),
    ("agents", "app", "pass", "next", "agents", "passControl:failure switchboard_invalid_target"),
    ("-", "app", "pass", "next", "-", "passControl:failure switchboard_invalid_target"),
    ("bot", "app", "pass", "nobody", "bot", "passControl:failure switchboard_invalid_target"),
    ("bot", "app", "pass", "custom", "bot", "passControl:failure switchboard_invalid_target"),
    ("bot>agents", "app", "offer", "phone", "bot>phone", "offerControl bot>phone"),
    ("bot", "agents", "offer", "agents", "bot>agents", "offerControl bot>agents"),
    ("-", "app", "offer", "agents", "->agents", "offerControl ->agents"),
    ("bot>agents", "app", "offer", "bot", "bot>agents", "offerControl:failure switchboard_invalid_target"),
    ("bot", "app", "offer", "custom", "bot", "offerControl:failure switchboard_invalid_target"),
    ("bot>agents", "app", "accept", "", "agents", "acceptControl agents"),
    ("bot>agents", "agents", "accept", "", "agents", "acceptControl agents"),
    ("->agents", "agents", "accept", "", "agents", "acceptControl agents"),
    ("bot>agents", "bot", "accept", "", "bot>agents", REFUSED),
    ("bot>agents", "guest", "accept", "", "bot>agents", REFUSED),
    ("bot", "app", "accept", "", "bot", "acceptControl:failure switchboard_invalid_action"),
    ("bot", "agents", "accept", "", "bot", REFUSED),
    ("bot>agents", "app", "release", "", "-", "releaseControl bot>agents"),
    ("bot>agents", "bot", "release", "", "-", "releaseControl bot>agents"),
    ("->agents", "app", "release", "", "-", "releaseControl ->agents"),
    ("bot>agents", "agents", "release", "", "bot>agents", REFUSED),
    ("bot", "guest", "release", "", "bot", REFUSED),
    ("-", "app", "release", "", "-", ""),
    ("-", "bot", "release", "", "-", REFUSED),
];

/// What is told of a move, in short: its name, and the state shown or why it failed.
fn short(event: &Value) -> String {
    let kind = text(&event["type"]);
    let kind = kind.trim_start_matches("switchboard:");
    match event["payload"].get("error") {
        Some(error) => format!("{kind} {}", text(&error["code"])),
        None => format!("{kind} {}", state_of(&event["payload"]["conversation"])),
    }
}

impl Scene {
    async fn come_to(&self, state: &str) {
        self.moves(&self.rig.gateway.api(), "release", None).await.expect(200);
        let (active, pending) = state.split_once('>').unwrap_or((state, "-"));
        for (verb, to) in [("pass", active), ("offer", pending)] {
            if to != "-" {
                self.moved(verb, to).await;
            }
        }
        assert_eq!(self.state().await, state);
    }

    async fn try_row(&mut self, row: &Row) {
        let (from, by, verb, to, after, told) = *row;
        self.come_to(from).await;
        self.fence().await;
        let api = match by {
            "bot" => self.bot.api.clone(),
            "agents" => self.agents.api.clone(),
            "guest" => self.guest.api.clone(),
            _ => self.rig.gateway.api(),
        };
        let note = json!({"note": "why"});
        let body = match to {
            "" => json!({"metadata": note}),
            to => json!({"switchboardIntegration": to, "metadata": note}),
        };
        let answer = self.moves(&api, verb, Some(body)).await;
        let expected: Vec<String> = match told {
            REFUSED => {
                assert_eq!(answer.refused_v2(403, "forbidden"), "Forbidden", "{row:?}");
                Vec::new()
            }
            told => {
                assert_eq!(answer.expect(200), json!({}), "{row:?}");
                Some(told.to_owned()).filter(|told| !told.is_empty()).into_iter().collect()
            }
        };
        assert_eq!(self.state().await, after, "{row:?}");
        for heard in self.fence().await {
            assert_eq!(heard.iter().map(short).collect::<Vec<_>>(), expected, "{row:?}");
            assert!(heard.iter().all(|event| event["payload"]["metadata"] == note), "{heard:?}");
        }
    }
}

async fn every_move_leads_where_the_table_says(engine: Engine) {
    let mut scene = Scene::start(engine).await;
    scene.seat("phone", json!({"integrationType": "twilio"})).await;
    for row in ROWS {
        scene.try_row(row).await;
    }
    // By its id whoever is meant is found as well.
    scene.come_to("bot").await;
    let agents = scene.id_of("agents");
    scene.moved("pass", &agents).await;
    assert_eq!(scene.state().await, "agents");
}

async fn where_no_turns_are_taken_nobody_moves(engine: Engine) {
    let mut scene = Scene::start(engine).await;
    scene.moved("offer", "agents").await;
    scene.fence().await;
    scene.change(json!({"enabled": false})).await;
    assert_eq!(scene.state().await, "-", "nobody leads");
    for (by, verb, to) in [
        (scene.rig.gateway.api(), "pass", Some("agents")),
        (scene.rig.gateway.api(), "offer", Some("agents")),
        (scene.bot.api.clone(), "accept", None),
        (scene.guest.api.clone(), "release", None),
    ] {
        let body = to.map(|to| json!({"switchboardIntegration": to}));
        assert_eq!(scene.moves(&by, verb, body).await.expect(200), json!({}));
    }
    let heard = scene.fence().await;
    let expected: Vec<String> = ["pass", "offer", "accept"]
        .map(|verb| format!("switchboard:{verb}Control:failure switchboard_invalid_action"))
        .into();
    for heard in heard {
        let told = heard.iter().map(|event| format!("switchboard:{}", short(event)));
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
    scene.change(json!({"enabled": true})).await;
    assert_eq!(scene.state().await, "bot>agents", "as it was");
}

async fn a_move_names_a_conversation_and_whom_it_is_for(engine: Engine) {
    let mut scene = Scene::start(engine).await;
    for verb in ["pass", "offer"] {
        let refused = scene.moves(&scene.bot.api, verb, Some(json!({}))).await;
        let title = refused.refused_v2(400, "bad_request");
        assert_eq!(title, "should have required property 'switchboardIntegration'");
    }
    let odd = json!({"metadata": {"a": {}}});
    scene.moves(&scene.bot.api, "release", Some(odd)).await.refused_v2(400, "bad_request");
    // Nobody ever said anything in the default conversation of somebody new.
    let nobody = scene.rig.user("bob").await;
    for id in [nobody.as_str(), "5963c0d619a30a2e00de3fff"] {
        scene.conversation = id.to_owned();
        for verb in ["pass", "offer", "accept", "release"] {
            let body = json!({"switchboardIntegration": "bot"});
            let answer = scene.moves(&scene.rig.gateway.api(), verb, Some(body)).await;
            assert_eq!(answer.refused_v2(404, "conversation_not_found"), "Conversation not found");
        }
    }
}

async fn a_move_made_again_under_its_key_is_made_once(engine: Engine) {
    let mut scene = Scene::start(engine).await;
    scene.fence().await;
    let (path, key) = (scene.path("/passControl"), [("idempotency-key", "once")]);
    let body = json!({"switchboardIntegration": "agents"}).to_string();
    for _ in 0..2 {
        let answer = scene.bot.api.request("POST", &path, &key, Some(body.clone())).await;
        assert_eq!(answer.expect(200), json!({}));
        // What is done under a key is not done again, whatever became of it meanwhile.
        scene.moved("pass", "bot").await;
    }
    let [_, _, heard] = scene.fence().await;
    assert_eq!(types(&heard), ["switchboard:passControl", "switchboard:passControl"]);
    assert_eq!(scene.state().await, "bot");
}

async fn every_event_of_a_move_is_as_recorded(engine: Engine) {
    let mut scene = Scene::start(engine).await;
    scene.says("I need help").await;
    let note = json!({"first_message_id": "5963c0d619a30a2e00de36b1"});
    let api = scene.rig.gateway.api();
    scene.fence().await;
    for (verb, to) in [
        ("offer", Some("agents")),
        ("offer", Some("bot")),
        ("accept", None),
        ("accept", None),
        ("pass", Some("bot")),
        ("pass", Some("agents")),
        ("pass", Some("nobody")),
        ("release", None),
    ] {
        let body = to
            .map_or(json!({"metadata": note}), |to| json!({"switchboardIntegration": to, "metadata": note}));
        scene.moves(&api, verb, Some(body)).await.expect(200);
    }
    let [_, heard, _] = scene.fence().await;
    let mut golden = Golden::of("v2/control");
    let mut seen = Vec::new();
    for event in heard {
        let mut name = text(&event["type"]).trim_start_matches("switchboard:").replace(':', "_");
        // Who is given the lead is shown what was said last.
        if event["payload"].get("messageHistory").is_some() {
            name += ".history";
        }
        golden.compare(&format!("{name}.json"), &event);
        seen.push(name);
    }
    let expected = [
        "offerControl",
        "offerControl_failure",
        "acceptControl",
        "acceptControl_failure",
        "passControl",
        "passControl.history",
        "passControl_failure",
        "releaseControl",
    ];
    assert_eq!(seen, expected);
}
