//! A switchboard with who takes turns on it, a conversation, and what each of them was told.

use serde_json::{Value, json};

use crate::harness::api::{Answer, Api};
use crate::harness::custom::{Custom, v2_of_app};
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Rig, eventually};

/// A switchboard with `bot`, who leads by default, passes to `agents` and hears all, and `agents`, who hears nothing
/// while others lead; `guest` takes no turns. A person has said something.
pub(super) struct Scene {
    pub(super) rig: Rig,
    pub(super) board: String,
    pub(super) bot: Custom,
    pub(super) agents: Custom,
    pub(super) guest: Custom,
    seats: Vec<(&'static str, String)>,
    pub(super) user: String,
    pub(super) conversation: String,
    fences: u32,
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

impl Scene {
    pub(super) async fn start(engine: Engine) -> Scene {
        Scene::of(Rig::start(engine).await).await
    }

    pub(super) async fn of(rig: Rig) -> Scene {
        let (bot, agents, guest) =
            (rig.custom(&["*"]).await, rig.custom(&["*"]).await, rig.custom(&["*"]).await);
        let api = rig.gateway.api();
        let made = api.request("POST", &v2_of_app("/switchboards"), &[], None).await.expect(201);
        let board = v2_of_app(&format!("/switchboards/{}", text(&made["switchboard"]["id"])));
        let mut scene = Scene {
            rig,
            board,
            bot,
            agents,
            guest,
            seats: Vec::new(),
            user: String::new(),
            conversation: String::new(),
            fences: 0,
        };
        let held = json!({"integrationId": scene.agents.id, "deliverStandbyEvents": false, "messageHistoryCount": 3});
        scene.seat("agents", held).await;
        let next = json!({
            "integrationId": scene.bot.id, "nextSwitchboardIntegrationId": scene.id_of("agents"),
        });
        scene.seat("bot", next).await;
        let bot = scene.id_of("bot");
        scene.change(json!({"enabled": true, "defaultSwitchboardIntegrationId": bot})).await;
        scene.user = scene.rig.user("ann").await;
        scene.conversation = text(&scene.says("hello").await["conversation"]["_id"]);
        scene
    }

    pub(super) async fn seat(&mut self, name: &'static str, mut body: Value) {
        body["name"] = json!(name);
        let path = format!("{}/switchboardIntegrations", self.board);
        let made = self.rig.gateway.api().post(&path, &body).await.expect(201);
        self.seats.push((name, text(&made["switchboardIntegration"]["id"])));
    }

    pub(super) fn id_of(&self, name: &str) -> String {
        let seat = self.seats.iter().find(|(seat, _)| *seat == name);
        seat.map_or(name, |(_, id)| id.as_str()).to_owned()
    }

    pub(super) async fn change(&self, body: Value) {
        self.rig.gateway.api().patch(&self.board, &body).await.expect(200);
    }

    /// The person says something.
    pub(super) async fn says(&self, text: &str) -> Value {
        let path = of_app(&format!("/appusers/{}/messages", self.user));
        let said = json!({"role": "appUser", "type": "text", "text": text});
        self.rig.gateway.api().post(&path, &said).await.expect(201)
    }

    pub(super) fn path(&self, rest: &str) -> String {
        v2_of_app(&format!("/conversations/{}{rest}", self.conversation))
    }

    pub(super) async fn moves(&self, by: &Api, verb: &str, body: Option<Value>) -> Answer {
        by.request("POST", &self.path(&format!("/{verb}Control")), &[], body.map(|body| body.to_string()))
            .await
    }

    /// By the app's key, which may do everything.
    pub(super) async fn moved(&self, verb: &str, to: &str) {
        let body = json!({"switchboardIntegration": to});
        let answer = self.moves(&self.rig.gateway.api(), verb, Some(body)).await;
        assert_eq!(answer.expect(200), json!({}));
    }

    /// Who leads and to whom it is offered: `bot>agents`, `bot`, `-`.
    pub(super) async fn state(&self) -> String {
        let answer = self.rig.gateway.api().get(&self.path("")).await.expect(200);
        state_of(&answer["conversation"])
    }

    /// What a custom integration's webhook was told so far, oldest first.
    pub(super) fn heard(&self, custom: &Custom) -> Vec<Value> {
        let calls = self.rig.receiver.events();
        let own = calls.iter().filter(|call| call["webhook"]["id"] == custom.webhook["id"]);
        own.flat_map(|call| call["events"].as_array().cloned().unwrap_or_default()).collect()
    }

    /// Waits until a custom integration's webhook was told of this.
    pub(super) async fn hears(&self, custom: &Custom, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(what, async || self.heard(custom).into_iter().find(|event| fits(event))).await
    }

    /// Makes a move that fails and waits until everybody was told. What is told of one conversation keeps its order, so
    /// all before was told, too. Answers what everybody was told since the last one.
    pub(super) async fn fence(&mut self) -> [Vec<Value>; 3] {
        self.fences += 1;
        let number = self.fences.to_string();
        let body = json!({"switchboardIntegration": "nobody", "metadata": {"fence": number}});
        self.moves(&self.rig.gateway.api(), "offer", Some(body)).await.expect(200);
        let mut told = Vec::new();
        for custom in [&self.bot, &self.agents, &self.guest] {
            let is_fence = |event: &Value| event["payload"]["metadata"]["fence"] == *number;
            self.hears(custom, "the fence", is_fence).await;
            let heard = self.heard(custom);
            let parts = heard.split(|event| event["payload"]["metadata"].get("fence").is_some());
            let since = parts.into_iter().nth(self.fences as usize - 1);
            told.push(since.map(<[Value]>::to_vec).unwrap_or_default());
        }
        told.try_into().expect("three")
    }
}

/// The state of a conversation as v2 shows it, in short.
pub(super) fn state_of(conversation: &Value) -> String {
    let name = |key: &str| conversation.get(key).map(|seat| text(&seat["name"]));
    let active = name("activeSwitchboardIntegration").unwrap_or_else(|| "-".to_owned());
    match name("pendingSwitchboardIntegration") {
        Some(pending) => format!("{active}>{pending}"),
        None => active,
    }
}

/// The types of events.
pub(super) fn types(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| text(&event["type"])).collect()
}
