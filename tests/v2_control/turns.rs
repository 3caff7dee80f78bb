//! What turns are for: who leads what people say, and who hears it.

use serde_json::{Value, json};

use super::scene::{Scene, state_of, text, types};
use crate::harness::config::{TWILIO, WEBHOOK};
use crate::harness::custom::v2_of_app;
use crate::harness::line::called;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, on_both_engines};

on_both_engines! {
    what_people_say_is_led_by_somebody,
    who_vanishes_is_followed_by_the_default,
    who_is_on_standby_hears_of_moves_alone,
    who_is_given_the_lead_is_shown_what_was_said,
    a_v1_webhook_waits_its_turn_too,
    what_becomes_of_messages_is_told_to_who_may_hear_them,
    an_integration_may_have_a_responder_of_its_own,
    moves_beside_a_flood_lose_nothing,
}

fn said(event: &Value) -> Option<String> {
    event["payload"]["message"]["content"]["text"].as_str().map(str::to_owned)
}

/// The texts of the messages among events.
fn texts(events: &[Value]) -> Vec<String> {
    events.iter().filter_map(said).collect()
}

async fn what_people_say_is_led_by_somebody(engine: Engine) {
    let mut scene = Scene::start(engine).await;
    assert_eq!(scene.state().await, "bot", "who leads by default");
    let [heard, none, _] = scene.fence().await;
    assert_eq!(types(&heard), ["conversation:create", "conversation:message"]);
    assert!(heard.iter().all(|event| state_of(&event["payload"]["conversation"]) == "bot"), "{heard:?}");
    assert!(none.is_empty(), "{none:?}");
    scene.moves(&scene.bot.api, "release", None).await.expect(200);
    assert_eq!(scene.state().await, "-");
    // What the business says gives nobody the lead.
    let answer = json!({"role": "appMaker", "type": "text", "text": "one moment"});
    let path = of_app(&format!("/appusers/{}/messages", scene.user));
    scene.rig.gateway.api().post(&path, &answer).await.expect(201);
    assert_eq!(scene.state().await, "-");
    scene.moved("offer", "bot").await;
    scene.says("anybody?").await;
    assert_eq!(scene.state().await, "bot", "what was offered to who leads is theirs");
    let [heard, ..] = scene.fence().await;
    let last = heard.last().expect("something");
    assert_eq!(
        (said(last).as_deref(), state_of(&last["payload"]["conversation"]).as_str()),
        (Some("anybody?"), "bot")
    );
}

async fn who_vanishes_is_followed_by_the_default(engine: Engine) {
    let mut scene = Scene::start(engine).await;
    let phone = json!({"integrationType": "twilio"});
    scene.seat("phone", phone).await;
    scene.moved("pass", "phone").await;
    scene.fence().await;
    let path = format!("{}/switchboardIntegrations/{}", scene.board, scene.id_of("phone"));
    scene.rig.gateway.api().delete(&path).await.expect(200);
    assert_eq!(scene.state().await, "-");
    scene.says("still there?").await;
    assert_eq!(scene.state().await, "bot");
    let [heard, ..] = scene.fence().await;
    assert_eq!(types(&heard), ["conversation:message"], "nobody passed anything");
}

async fn who_is_on_standby_hears_of_moves_alone(engine: Engine) {
    let mut scene = Scene::start(engine).await;
    scene.fence().await;
    scene.says("one").await;
    let [bot, agents, guest] = scene.fence().await;
    assert_eq!(
        (texts(&bot), texts(&agents), texts(&guest)),
        (vec!["one".into()], vec![], vec!["one".into()])
    );
    scene.moved("pass", "next").await;
    scene.says("two").await;
    let [bot, agents, guest] = scene.fence().await;
    for heard in [&bot, &agents, &guest] {
        assert_eq!(types(heard), ["switchboard:passControl", "conversation:message"]);
    }
    // Who leads by default wants to hear on standby.
    assert_eq!(texts(&bot), ["two"]);
    scene.moved("pass", "bot").await;
    scene.change(json!({"enabled": false})).await;
    scene.says("three").await;
    let [_, agents, _] = scene.fence().await;
    assert_eq!(types(&agents), ["switchboard:passControl", "conversation:message"]);
    let gone = scene.board.clone();
    scene.rig.gateway.api().delete(&gone).await.expect(200);
    scene.says("four").await;
    let [bot, agents, guest] = scene.fence().await;
    for heard in [bot, agents, guest] {
        assert_eq!(texts(&heard), ["four"]);
    }
}

async fn who_is_given_the_lead_is_shown_what_was_said(engine: Engine) {
    let mut scene = Scene::start(engine).await;
    for text in ["one", "two", "three"] {
        scene.says(text).await;
    }
    scene.fence().await;
    scene.moved("pass", "agents").await;
    scene.moved("pass", "bot").await;
    let [bot, agents, guest] = scene.fence().await;
    let shown = |events: &[Value]| -> Vec<Vec<String>> {
        let histories = events.iter().filter_map(|event| event["payload"].get("messageHistory"));
        let texts = |history: &Value| {
            let messages = history.as_array().expect("a list").iter();
            messages.map(|message| text(&message["content"]["text"])).collect()
        };
        histories.map(texts).collect()
    };
    assert_eq!(shown(&agents), [["one", "two", "three"]]);
    assert_eq!((shown(&bot), shown(&guest)), (vec![], vec![]), "it is for nobody else");
}

async fn a_v1_webhook_waits_its_turn_too(engine: Engine) {
    let mut scene = Scene::start(engine).await;
    scene.seat("old", json!({"integrationId": WEBHOOK, "deliverStandbyEvents": false})).await;
    scene.says("not for the old one").await;
    scene.moved("pass", "old").await;
    scene.says("for the old one").await;
    let is_for_it = |event: &Value| event["messages"][0]["text"] == "for the old one";
    scene.rig.receiver.event("the old one is told", is_for_it).await;
    let texts = scene.rig.receiver.events().into_iter().filter_map(|event| {
        (event["trigger"] == "message:appUser").then(|| text(&event["messages"][0]["text"]))
    });
    assert_eq!(
        texts.collect::<Vec<_>>(),
        ["hello", "for the old one"],
        "the first was said before it took turns"
    );
}

async fn what_becomes_of_messages_is_told_to_who_may_hear_them(engine: Engine) {
    let number = "+15145550123";
    let mut scene = Scene::start(engine).await;
    let user = scene.user.clone();
    scene.rig.link(&user, number, json!({"type": "immediate"})).await;
    scene.fence().await;
    let answer = json!({"role": "appMaker", "type": "text", "text": "on its way"});
    scene.rig.gateway.api().post(&of_app(&format!("/appusers/{user}/messages")), &answer).await.expect(201);
    let arrived = |event: &Value| event["type"] == "conversation:message:delivery:user";
    for custom in [&scene.bot, &scene.guest] {
        let event = scene.hears(custom, "the delivery", arrived).await;
        assert_eq!(state_of(&event["payload"]["conversation"]), "bot");
    }
    let [_, agents, _] = scene.fence().await;
    assert!(agents.is_empty(), "{agents:?}");
}

async fn an_integration_may_have_a_responder_of_its_own(engine: Engine) {
    let line = called("mailgun");
    let mut scene = Scene::start(engine).await;
    scene.fence().await;
    let (api, sim) = (scene.rig.gateway.api(), scene.rig.sim());
    sim.admit("before", line.kind, "http://127.0.0.1:1/", &line.settings()).await;
    let mut asked = line.settings();
    asked["type"] = json!(line.kind);
    let made = api.post(&v2_of_app("/integrations"), &asked).await.expect(201)["integration"].clone();
    let path = v2_of_app(&format!("/integrations/{}", text(&made["id"])));
    let responder = async || {
        let shown = api.get(&path).await.expect(200)["integration"]["defaultResponder"].clone();
        (shown["name"].clone(), shown["inherited"].clone())
    };
    assert_eq!(responder().await, (json!("bot"), json!(true)));
    let nobody = json!({"defaultResponderId": TWILIO});
    let title = api.patch(&path, &nobody).await.refused_v2(400, "bad_request");
    assert_eq!(title, ".defaultResponderId: must be the id of a switchboardIntegration of the app");
    let change = json!({"defaultResponderId": scene.id_of("agents")});
    api.patch(&path, &change).await.expect(200);
    assert_eq!(responder().await, (json!("agents"), json!(false)));
    sim.admit(&text(&made["id"]), line.kind, &text(&made["hookUrl"]), &line.settings()).await;
    let written = json!({"integrationId": made["id"], "from": line.person, "text": "by mail"});
    sim.control("/control/write", &written).await;
    let is_by_mail = |event: &Value| said(event).as_deref() == Some("by mail");
    let event = scene.hears(&scene.agents, "what is theirs", is_by_mail).await;
    assert_eq!(state_of(&event["payload"]["conversation"]), "agents");
    api.patch(&path, &json!({"defaultResponderId": null})).await.expect(200);
    assert_eq!(responder().await, (json!("bot"), json!(true)));
}

async fn moves_beside_a_flood_lose_nothing(engine: Engine) {
    const MESSAGES: usize = 100;
    const MOVES: usize = 30;
    let mut scene = Scene::start(engine).await;
    scene.fence().await;
    let talking = async {
        for each in 0..MESSAGES / 4 {
            let words = [0, 1, 2, 3].map(|place| format!("word {}", each * 4 + place));
            tokio::join!(
                scene.says(&words[0]),
                scene.says(&words[1]),
                scene.says(&words[2]),
                scene.says(&words[3])
            );
        }
    };
    let moving = async {
        for each in 0..MOVES {
            scene.moved("pass", if each % 2 == 0 { "agents" } else { "bot" }).await;
        }
    };
    tokio::join!(talking, moving);
    assert_eq!(scene.state().await, "bot", "the last move counts");
    let [bot, agents, guest] = scene.fence().await;
    for heard in [&bot, &guest] {
        let mut words = texts(heard);
        words.sort_by_key(|word| word.trim_start_matches("word ").parse::<usize>().expect("a number"));
        assert_eq!(words, (0..MESSAGES).map(|each| format!("word {each}")).collect::<Vec<_>>());
    }
    for heard in [bot, agents, guest] {
        let moves = types(&heard).into_iter().filter(|kind| kind == "switchboard:passControl");
        assert_eq!(moves.count(), MOVES);
        // Whatever is heard says who led then: whoever is kept from the rest never hears of others' turns.
        let mut leads = "bot".to_owned();
        for event in heard {
            let state = state_of(&event["payload"]["conversation"]);
            match event["type"].as_str() {
                Some("switchboard:passControl") => leads = state,
                _ => assert_eq!(state, leads, "{event}"),
            }
        }
    }
}
