//! A whole scene: gateway, simulator, the customer's webhook endpoint; and the few verbs most stories use.

use serde_json::{Value, json};

use super::config::{APP, Config, TWILIO};
use super::gateway::Gateway;
use super::line::LINES;
use super::process::Process;
use super::receiver::Receiver;
use super::simulator::{FENCE, Simulator, of_app};
use super::{Engine, ports};

/// One gateway with everything around it.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) gateway: Gateway,
    pub(crate) receiver: Receiver,
    apart: Option<Apart>,
}

/// A simulator in a process of its own.
#[derive(Debug)]
struct Apart {
    process: Option<Process>,
    address: String,
}

impl Rig {
    /// A gateway with the simulator inside.
    pub(crate) async fn start(engine: Engine) -> Self {
        Self::with(engine, |config| config).await
    }

    /// The same with a changed configuration.
    pub(crate) async fn with(engine: Engine, change: impl FnOnce(Config) -> Config) -> Self {
        Self::started(engine, &[], change).await
    }

    /// The same with more said on the command line.
    pub(crate) async fn started(
        engine: Engine,
        arguments: &[&'static str],
        change: impl FnOnce(Config) -> Config,
    ) -> Self {
        let receiver = Receiver::start().await;
        let config = change(Config::default().set("apps.0.webhooks.0.target", receiver.url.as_str()));
        let mut gateway = Gateway::prepare(engine, config, arguments);
        gateway.start().await;
        Self { gateway, receiver, apart: None }
    }

    /// A gateway and a simulator in a process of its own; neither runs yet.
    pub(crate) async fn apart(engine: Engine, change: impl FnOnce(Config) -> Config) -> Self {
        let receiver = Receiver::start().await;
        let (api, sim) = (ports::free(), ports::free());
        let address = format!("http://127.0.0.1:{sim}");
        let config = Config::default()
            .set("server.listen", format!("127.0.0.1:{api}"))
            .set("server.publicUrl", format!("http://127.0.0.1:{api}"))
            .set("sim.listen", format!("127.0.0.1:{sim}"))
            .set("apps.0.webhooks.0.target", receiver.url.as_str());
        let config = LINES.iter().fold(config, |config, line| {
            config.set(&format!("providers.{}.baseUrl", line.kind), format!("{address}/{}", line.kind))
        });
        let gateway = Gateway::prepare(engine, change(config), &["--no-sim"]);
        Self { gateway, receiver, apart: Some(Apart { process: None, address }) }
    }

    /// Runs the simulator that is apart.
    pub(crate) async fn start_sim(&mut self) {
        let config = self.gateway.config_path();
        let log = self.gateway.log_path("sim.log");
        let arguments = ["sim", "--config", config.to_str().expect("a readable path")];
        let process = Process::start(&arguments, &log).await;
        let apart = self.apart.as_mut().expect("the simulator is apart");
        assert_eq!(process.address("sim"), Some(apart.address.as_str()));
        apart.process = Some(process);
    }

    pub(crate) fn sim(&self) -> Simulator {
        Simulator::at(self.sim_address())
    }

    /// Where the simulator is, or will be.
    pub(crate) fn sim_address(&self) -> &str {
        match &self.apart {
            Some(apart) => &apart.address,
            None => self.gateway.sim_address().expect("the ready line names sim"),
        }
    }

    /// Sends a text to a number through the Notification API and answers the notification's id.
    pub(crate) async fn notify(&self, number: &str, text: &str) -> String {
        let answer = self.gateway.api().post(&of_app("/notifications"), &notification(number, text)).await;
        let body = answer.expect(201);
        body["notification"]["_id"].as_str().expect("an id").to_owned()
    }

    /// `notify`, then waits for its final event, which must say it was delivered. Answers id and event.
    pub(crate) async fn notify_and_deliver(&self, number: &str, text: &str) -> (String, Value) {
        let id = self.notify(number, text).await;
        let event = self.receiver.about("notification:delivery:user", &id).await;
        (id, event)
    }

    /// What the operator sees of a notification.
    pub(crate) async fn timeline(&self, id: &str) -> Value {
        let path = format!("/heliograph/v1/notifications/{id}?app={APP}");
        self.gateway.admin().get(&path).await.expect(200)["notification"].clone()
    }

    /// Makes a user known by this `userId` and answers its `_id`.
    pub(crate) async fn user(&self, user_id: &str) -> String {
        let answer = self.gateway.api().post(&of_app("/appusers"), &json!({"userId": user_id})).await;
        answer.expect(201)["appUser"]["_id"].as_str().expect("an id").to_owned()
    }

    /// The user as the API shows it, by either id.
    pub(crate) async fn get_user(&self, id: &str) -> Value {
        self.gateway.api().get(&of_app(&format!("/appusers/{id}"))).await.expect(200)["appUser"].clone()
    }

    /// Links a user to a number with this confirmation and answers the body.
    pub(crate) async fn link(&self, user: &str, number: &str, confirmation: Value) -> Value {
        let body = json!({
            "type": "twilio", "integrationId": TWILIO, "phoneNumber": number, "confirmation": confirmation,
        });
        self.gateway.api().post(&of_app(&format!("/appusers/{user}/channels")), &body).await.expect(200)
    }

    /// The messages of a user's conversation, oldest first.
    pub(crate) async fn messages(&self, user: &str) -> Vec<Value> {
        let body = self.gateway.api().get(&of_app(&format!("/appusers/{user}/messages"))).await.expect(200);
        body["messages"].as_array().expect("messages is a list").clone()
    }

    /// Waits until nothing more can follow from what was sent to this number before: its events leave in order,
    /// so those of one more notification come last.
    pub(crate) async fn settled(&self, number: &str) {
        let id = self.notify(number, FENCE).await;
        let over = |event: &Value| event["notification"]["_id"] == id && event["isFinalEvent"] == true;
        self.receiver.event("the fence's final event", over).await;
    }
}

/// The body of a text notification to a number.
pub(crate) fn notification(number: &str, text: &str) -> Value {
    json!({
        "destination": {"integrationId": TWILIO, "destinationId": number},
        "author": {"role": "appMaker"},
        "message": {"type": "text", "text": text},
    })
}
