//! What each command asks for.

use serde_json::{Value, json};

use super::door::{Call, Door};
use super::{
    At, Command, DeadLetters, DeadLettersAct, DeadLettersList, DeadLettersReplay, Limits, Place, Unknown,
    UnknownAct, show,
};

/// What is printed.
#[derive(Debug)]
pub(super) struct Answer {
    /// For programs.
    pub(super) json: Value,
    /// For people.
    pub(super) text: String,
    /// Whether all is as it should be.
    pub(super) is_well: bool,
}

impl Answer {
    fn new(json: Value, text: String) -> Answer {
        Answer { json, text, is_well: true }
    }
}

pub(super) async fn ask(command: &Command, place: Place) -> Result<Answer, String> {
    let desk = Desk { door: Door::of(&place)?, apps: place.apps };
    match command {
        Command::Trace { id, at } => desk.trace(id, at).await,
        Command::Audit { at } => desk.audit(at).await,
        Command::Deadletters(DeadLetters { act, list }) => match act {
            None => desk.letters(list).await,
            Some(DeadLettersAct::List(list)) => desk.letters(list).await,
            Some(DeadLettersAct::Replay(replay)) => desk.replay(replay).await,
        },
        Command::Unknown(Unknown { act, at }) => match act {
            None => desk.unknown(at).await,
            Some(UnknownAct::List { at }) => desk.unknown(at).await,
            Some(UnknownAct::Resend { id, at }) => desk.decide(id, "resend", at).await,
            Some(UnknownAct::Fail { id, at }) => desk.decide(id, "fail", at).await,
        },
        Command::Pause { integration, at } => desk.pause(integration, "pause", at).await,
        Command::Resume { integration, at } => desk.pause(integration, "resume", at).await,
        Command::Limits(limits) => desk.limits(limits).await,
        Command::Compact { .. } => desk.compact().await,
    }
}

/// The gateway that is asked, and its apps.
struct Desk {
    door: Door,
    apps: Vec<String>,
}

impl Desk {
    /// The app that was named, or all of them.
    fn apps(&self, at: &At) -> Vec<String> {
        at.app.clone().map_or_else(|| self.apps.clone(), |app| vec![app])
    }

    async fn trace(&self, id: &str, at: &At) -> Result<Answer, String> {
        let mut answer = self.door.find(&self.apps(at), Call::get(&["notifications", id])).await?;
        let notification = answer["notification"].take();
        let text = show::trace(&notification);
        Ok(Answer::new(notification, text))
    }

    async fn letters(&self, which: &DeadLettersList) -> Result<Answer, String> {
        let call = Call::get(&["deadletters"])
            .with("webhook", which.webhook.as_deref())
            .with("from", which.from.as_deref())
            .with("to", which.to.as_deref());
        let (letters, has_more) = self.door.list(&self.apps(&which.at), call, "deadLetters").await?;
        let text = show::letters(&letters, has_more);
        Ok(Answer::new(json!({ "deadLetters": letters, "more": has_more }), text))
    }

    async fn replay(&self, which: &DeadLettersReplay) -> Result<Answer, String> {
        let body = match &which.webhook {
            Some(webhook) => json!({ "webhook": webhook, "from": which.from, "to": which.to }),
            None => json!({ "ids": which.ids }),
        };
        let mut replayed = 0;
        for app in self.apps(&which.at) {
            let call = Call::post(&["deadletters", "replay"], body.clone()).with("app", Some(&app));
            replayed += self.door.call(call).await?["replayed"].as_u64().unwrap_or(0);
        }
        if replayed == 0 {
            return Err("no such dead letters".into());
        }
        let text = format!("{replayed} will be sent again\n");
        Ok(Answer::new(json!({ "replayed": replayed }), text))
    }

    async fn audit(&self, at: &At) -> Result<Answer, String> {
        let audit = self.door.call(Call::get(&["audit"]).with("app", at.app.as_deref())).await?;
        let text = show::audit(&audit);
        Ok(Answer { is_well: audit["balanced"] == true, json: audit, text })
    }

    async fn unknown(&self, at: &At) -> Result<Answer, String> {
        let call = Call::get(&["unknown"]);
        let (unknown, has_more) = self.door.list(&self.apps(at), call, "unknown").await?;
        let text = show::unknown(&unknown, has_more);
        Ok(Answer::new(json!({ "unknown": unknown, "more": has_more }), text))
    }

    async fn decide(&self, id: &str, decision: &str, at: &At) -> Result<Answer, String> {
        let body = json!({ "decision": decision });
        let mut answer = self.door.find(&self.apps(at), Call::post(&["unknown", id], body)).await?;
        let notification = answer["notification"].take();
        let text = show::trace(&notification);
        Ok(Answer::new(notification, text))
    }

    async fn pause(&self, integration: &str, verb: &str, at: &At) -> Result<Answer, String> {
        let path = ["integrations", integration, verb];
        let call = Call::post(&path, json!({})).with("app", at.app.as_deref());
        let answer = self.door.call(call).await?;
        let state = if answer["integration"]["paused"] == true { "paused" } else { "running" };
        Ok(Answer::new(answer, format!("integration {integration} is {state}\n")))
    }

    async fn compact(&self) -> Result<Answer, String> {
        let answer = self.door.call(Call::post(&["compact"], json!({}))).await?;
        let erasing = answer["erasing"].as_u64().unwrap_or(0);
        let mut text = format!("the store's files were written anew in {} ms\n", answer["tookMs"]);
        if erasing > 0 {
            text += &format!("{erasing} erasures were not done by then: do it again later\n");
        }
        Ok(Answer { json: answer, text, is_well: erasing == 0 })
    }

    /// Sets what was named on the command line; the rest stays as it is.
    async fn limits(&self, asked: &Limits) -> Result<Answer, String> {
        let path = ["integrations", &*asked.integration, "limits"];
        let call = Call::get(&path).with("app", asked.at.app.as_deref());
        let mut answer = self.door.call(call.clone()).await?;
        let changes = [
            ("perSecond", asked.per_second.map(Value::from)),
            ("perDay", asked.per_day.map(Value::from)),
            ("burst", asked.burst.map(Value::from)),
        ];
        if changes.iter().any(|(_, value)| value.is_some()) {
            let mut limits = answer["limits"].take();
            for (name, value) in changes {
                if let Some(value) = value {
                    limits[name] = value;
                }
            }
            answer = self.door.call(Call { method: reqwest::Method::PUT, body: limits, ..call }).await?;
        }
        let text = show::limits(&asked.integration, &answer);
        Ok(Answer::new(answer, text))
    }
}
