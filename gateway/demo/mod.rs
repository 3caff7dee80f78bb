//! `heliograph demo`: a customer, an operator and a person on each channel, and what each of them sees.
//!
//! It knows nothing of the gateway but where it listens. `channels.rs` is what it shows, as data.

mod channels;
mod doors;
mod timeline;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use channels::{BASE, MISHAPS, Mishap, NOTIFICATION, REPLIED, ROWS, Row};
use doors::Doors;
use timeline::{NOT_TAKEN, Sight, Timeline};

/// How long each of the three acts may take.
const PATIENCE: Duration = Duration::from_secs(6);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// What happens to a delivery and says nothing that an event does not say.
const UNTOLD: &[&str] = &["sending", "sent", "receipt", "delivered", "read", "refused", "failed", "webhook"];

/// The configuration of a gateway that has every channel, all addresses on free ports.
pub(crate) fn config() -> String {
    let integration = |row: &Row| {
        let Row { kind, integration, settings, .. } = row;
        format!("[[apps.integrations]]\nid = \"{integration}\"\ntype = \"{kind}\"{settings}")
    };
    let integrations: String = ROWS.iter().map(integration).collect();
    format!("{BASE}{integrations}")
}

/// Plays the demo at a gateway that listens there. Fails with a line for each event that did not come.
pub(crate) async fn play(api: &str, admin: &str, sim: &str) -> Result<(), String> {
    println!("gateway {api}, simulator {sim}, a temporary store: nothing leaves this machine");
    let mut play = Play::new(Doors::new(api, admin, sim)?);
    let played = play.acts().await;
    let mut complaints = play.timeline.complaints();
    complaints.extend(played.err());
    if !complaints.is_empty() {
        return Err(complaints.join("\n"));
    }
    let kinds: Vec<&str> = ROWS.iter().map(|row| row.kind).collect();
    let (stages, seconds) = (play.timeline.len(), play.begun.elapsed().as_secs_f64());
    println!("\nall {stages} stages expected were seen in {seconds:.1}s: {}", kinds.join(", "));
    Ok(())
}

/// A demo in progress.
struct Play<'a> {
    doors: Doors<'a>,
    begun: Instant,
    timeline: Timeline,
    /// Whose each notification is.
    notified: HashMap<String, String>,
    /// How many moments of each notification were looked at.
    moments: HashMap<String, usize>,
    /// Whose replies come through each integration.
    replying: HashMap<&'static str, &'static str>,
    /// The webhooks that were looked at, by id: one may come twice.
    heard: HashSet<String>,
}

impl<'a> Play<'a> {
    fn new(doors: Doors<'a>) -> Play<'a> {
        Play {
            doors,
            begun: Instant::now(),
            timeline: Timeline::begin(Timestamp::now()),
            notified: HashMap::new(),
            moments: HashMap::new(),
            replying: HashMap::new(),
            heard: HashSet::new(),
        }
    }

    async fn acts(&mut self) -> Result<(), String> {
        self.doors.subscribe().await?;
        println!("\nA notification on each channel: \"{NOTIFICATION}\"");
        for row in ROWS {
            self.timeline.expect(row.kind, row.expected);
            self.notify(row.kind, row.integration, row.person, NOTIFICATION).await?;
        }
        self.watch().await?;
        println!("\nEach of them replies:");
        for row in ROWS {
            self.timeline.expect(row.kind, REPLIED);
            self.reply(row).await?;
        }
        self.watch().await?;
        println!("\nA provider refuses one, and holds one back for a moment:");
        for mishap in MISHAPS {
            self.mishap(mishap).await?;
        }
        self.watch().await
    }

    async fn mishap(&mut self, mishap: &Mishap) -> Result<(), String> {
        let who = format!("{} {}", mishap.kind, mishap.name);
        self.timeline.expect(&who, mishap.expected);
        self.doors.rule(mishap.integration, mishap.person, mishap.rule).await?;
        self.notify(&who, mishap.integration, mishap.person, mishap.text).await
    }

    async fn notify(&mut self, who: &str, integration: &str, person: &str, text: &str) -> Result<(), String> {
        match self.doors.notify(integration, person, text).await? {
            Ok(id) => {
                self.notified.insert(id, who.to_owned());
            }
            Err(answer) => self.show(not_taken(who, answer)),
        }
        Ok(())
    }

    async fn reply(&mut self, row: &'static Row) -> Result<(), String> {
        self.replying.insert(row.integration, row.kind);
        if let Err(answer) = self.doors.write(row.integration, row.person, row.reply).await? {
            self.show(not_taken(row.kind, answer));
        }
        Ok(())
    }

    /// Shows what happens until all that is expected has happened, or patience ends.
    async fn watch(&mut self) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        while self.timeline.is_waiting() && Instant::now() < end {
            self.look().await?;
            sleep(PAUSE).await;
        }
        self.timeline.wait_no_longer();
        Ok(())
    }

    /// One look at everything. Webhooks are fetched first: what led to them is then in the timelines.
    async fn look(&mut self) -> Result<(), String> {
        let inbox = self.doors.inbox().await?;
        let mut sights = Vec::new();
        for (id, who) in &self.notified {
            let moments = self.doors.timeline(id).await?;
            let looked_at = self.moments.entry(id.clone()).or_default();
            sights.extend(moments.iter().skip(*looked_at).filter_map(|moment| stage(who, moment)));
            *looked_at = moments.len();
        }
        for arrival in &inbox {
            let id = arrival["headers"]["webhook-id"].as_str().unwrap_or_default();
            if self.heard.insert(id.to_owned()) {
                sights.extend(self.told(arrival));
            }
        }
        sights.sort_by_key(|sight| sight.at);
        sights.into_iter().for_each(|sight| self.show(sight));
        Ok(())
    }

    fn show(&mut self, sight: Sight) {
        println!("{}", self.timeline.saw(&sight));
    }

    /// What a webhook tells.
    fn told(&self, arrival: &Value) -> Vec<Sight> {
        let (at, event) = (moment(arrival), &arrival["body"]);
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let trigger = word(&event["trigger"]);
        let said = &event["messages"][0];
        let who = match event["notification"]["_id"].as_str() {
            Some(id) => self.notified.get(id).cloned(),
            None => {
                self.replying.get(&*word(&said["source"]["integrationId"])).map(|kind| (*kind).to_owned())
            }
        };
        let who = who.unwrap_or_else(|| "nobody".to_owned());
        let sight = |what: &str, is_final, detail| Sight {
            at,
            who: who.clone(),
            what: what.to_owned(),
            is_final,
            detail,
        };
        let is_final = event["isFinalEvent"].as_bool();
        let mut sights = match &*trigger {
            "message:appUser" => vec![sight(&trigger, None, quoted(&said["text"]))],
            "notification:delivery:failure" => {
                let error = &event["error"];
                vec![sight(
                    &trigger,
                    is_final,
                    format!("{}: {}", word(&error["code"]), word(&error["message"])),
                )]
            }
            _ => vec![sight(&trigger, is_final, word(&event["externalMessages"][0]["id"]))],
        };
        let underlying = &event["error"]["underlyingError"];
        if !underlying["code"].is_null() {
            let detail = format!("{} {}", underlying["code"], word(&underlying["message"]));
            sights.push(sight("error.underlyingError", None, detail));
        }
        let recent = &event["recentNotifications"][0]["text"];
        if recent.as_str().is_some_and(|text| text.contains(NOTIFICATION)) {
            sights.push(sight("recentNotifications", None, quoted(recent)));
        }
        sights
    }
}

/// A moment of a delivery, in the demo's words: the gateway accepts a notification, the provider a message.
fn stage(who: &str, told: &Value) -> Option<Sight> {
    let what = match told["what"].as_str()? {
        "queued" => "accepted",
        "accepted" => "sent",
        untold if UNTOLD.contains(&untold) => return None,
        other => other,
    };
    let detail = told["detail"].as_str().unwrap_or_default().to_owned();
    Some(Sight { at: moment(told), who: who.to_owned(), what: what.to_owned(), is_final: None, detail })
}

/// What the demo sees itself: the gateway said no.
fn not_taken(who: &str, answer: String) -> Sight {
    let what = NOT_TAKEN.to_owned();
    Sight { at: Timestamp::now(), who: who.to_owned(), what, is_final: None, detail: answer }
}

/// The `at` of what the simulator or the gateway shows.
fn moment(shown: &Value) -> Timestamp {
    shown["at"].as_str().and_then(|at| at.parse().ok()).unwrap_or_else(Timestamp::now)
}

fn quoted(text: &Value) -> String {
    format!("\"{}\"", text.as_str().unwrap_or_default())
}
