//! Buttons that were pressed: which they are, and what is told of it.

use heliograph_connectors::channel::{Action, Content};

use crate::model::{Client, Conversation, CreationReason, Message, Source, Tenant, Timestamp, What};
use crate::store::{Batch, Cut};

use super::activity::FindChannel;
use super::control::on_activity;
use super::identify::name_of;
use super::known::Known;
use super::records::append_message;
use super::start::Start;
use super::talk::{choose, event};
use super::{Core, CoreError, Once, Thing, retried};

/// Messages among which a button is looked for, page by page: a person presses what they can still see.
const PAGE: usize = 100;
const PAGES: usize = 5;

/// One press of a button.
#[derive(Debug)]
pub(super) struct Press<'a> {
    /// The identity it came from.
    pub(super) client: Option<Client>,
    /// Where it came from.
    pub(super) source: Source,
    /// The word of the channel the person is named after.
    pub(super) word: Option<&'a str>,
    /// What the button carried.
    pub(super) payload: &'a str,
    /// The button and its message, where they are known.
    pub(super) button: Option<(Message, Action)>,
}

impl Core {
    /// Presses a button in a person's stead.
    pub async fn press(
        &self,
        tenant: &Tenant,
        user: &str,
        action: &str,
        channels: FindChannel<'_>,
        once: Once<'_, ()>,
    ) -> Result<(), CoreError> {
        retried(|| self.try_press(tenant, user, action, channels, &once)).await
    }

    async fn try_press(
        &self,
        tenant: &Tenant,
        user: &str,
        action: &str,
        channels: FindChannel<'_>,
        once: &Once<'_, ()>,
    ) -> Result<(), CoreError> {
        let now = self.clock.now();
        let mut known = self.find_known(tenant, user).await?;
        let button = self.button(tenant, &known.conversation, |button| id_of(button) == action).await?;
        let Some((message, pressed)) = button else { return Err(CoreError::NotFound(Thing::Action)) };
        let Action::Postback { payload, .. } = &pressed else {
            return Err(CoreError::Invalid(format!("actionId: names a {}, not a postback", pressed.kind())));
        };
        let payload = payload.clone();
        let channel = choose(tenant, &known.user, &known.conversation.id, None)?
            .and_then(|client| channels(&client.integration));
        let press = Press {
            client: None,
            source: Source::of("api"),
            word: channel.as_ref().map(|channel| channel.capabilities().word),
            payload: &payload,
            button: Some((message, pressed)),
        };
        let mut batch = Batch::new(&tenant.app.id);
        self.pressed_by(tenant, &mut known, press, now, &mut batch);
        known.save_changed(&mut batch);
        once.enter(&mut batch, now, &());
        Ok(self.store.commit(batch).await?)
    }

    /// Tells of a press, and keeps it as a message where the app wants that. The caller writes the person.
    pub(super) fn pressed_by(
        &self,
        tenant: &Tenant,
        known: &mut Known,
        press: Press<'_>,
        now: Timestamp,
        batch: &mut Batch,
    ) {
        if !tenant.app.settings.ignore_auto_conversation_start {
            let (reason, client) = (CreationReason::StartConversation, press.client.as_ref());
            let start = Start { reason, client, source: press.source.clone(), referral: None };
            self.starts(tenant, known, start, now, batch);
        }
        on_activity(tenant, &mut known.conversation);
        let echo = tenant.app.settings.echo_postback.then(|| echo(tenant, known, &press, now));
        let (message, action) = press.button.unzip();
        let what = What::Postback {
            user: known.user.clone(),
            client: press.client.clone(),
            payload: press.payload.to_owned(),
            source: press.source,
            message,
            action,
        };
        self.announce(batch, tenant, &event(tenant, &known.conversation, now, what));
        let Some(message) = echo else { return };
        append_message(batch, tenant, &message);
        let (user, recent_notifications) = (Some(known.user.clone()), Vec::new());
        let what = What::Message { message, user, client: press.client, recent_notifications };
        self.announce(batch, tenant, &event(tenant, &known.conversation, now, what));
    }

    /// The newest button of a conversation that fits, with the message it stands under.
    pub(super) async fn button(
        &self,
        tenant: &Tenant,
        conversation: &Conversation,
        fits: impl Fn(&Action) -> bool + Send + Sync,
    ) -> Result<Option<(Message, Action)>, CoreError> {
        let since = self.shown_since(tenant, conversation).map_or(i64::MIN, Timestamp::millis);
        let mut cut = Cut::Newest { limit: PAGE };
        for _ in 0..PAGES {
            let page = self.messages_within(&tenant.app.id, &conversation.id, cut).await?;
            let Some(first) = page.first().map(|message| message.received) else { return Ok(None) };
            let is_last = page.len() < PAGE || first.millis() <= since;
            let shown = page.into_iter().filter(|message| message.received.millis() > since);
            for message in shown.rev() {
                let found = actions_of(&message.content).find(|action| fits(action)).cloned();
                if let Some(found) = found {
                    return Ok(Some((message, found)));
                }
            }
            if is_last {
                return Ok(None);
            }
            cut = Cut::Before { rank: first.millis(), limit: PAGE };
        }
        Ok(None)
    }
}

/// A press as a message: the person says what stands on the button.
fn echo(tenant: &Tenant, known: &mut Known, press: &Press<'_>, now: Timestamp) -> Message {
    let label = press.button.as_ref().and_then(|(_, action)| label_of(action)).unwrap_or(press.payload);
    let address = press.client.as_ref().map(|client| client.address.as_str());
    let name = name_of(tenant, &known.user, press.word, address);
    let source =
        Source { client: press.client.as_ref().map(|client| client.id.clone()), ..press.source.clone() };
    let payload = Some(press.payload.to_owned());
    known.hears(name, now, tenant.masked(Content::text(label)), source, payload)
}

/// Whether an action is the button of a payload.
pub(super) fn carries(action: &Action, wanted: &str) -> bool {
    matches!(action, Action::Postback { payload, .. } if payload == wanted)
}

fn actions_of(content: &Content) -> Box<dyn Iterator<Item = &Action> + Send + '_> {
    match content {
        Content::Text { actions, .. } | Content::Image { actions, .. } => Box::new(actions.iter()),
        Content::Carousel { items, .. } => Box::new(items.iter().flat_map(|item| &item.actions)),
        Content::List { items, actions } => {
            Box::new(items.iter().flat_map(|item| &item.actions).chain(actions))
        }
        Content::File { .. }
        | Content::Location { .. }
        | Content::Form { .. }
        | Content::FormResponse { .. } => Box::new(std::iter::empty()),
    }
}

fn id_of(action: &Action) -> &str {
    match action {
        Action::Link { id, .. }
        | Action::Webview { id, .. }
        | Action::Buy { id, .. }
        | Action::Postback { id, .. }
        | Action::Reply { id, .. }
        | Action::LocationRequest { id, .. }
        | Action::Share { id, .. } => id,
    }
}

fn label_of(action: &Action) -> Option<&str> {
    match action {
        Action::Postback { text, .. } => Some(text.as_str()).filter(|text| !text.is_empty()),
        _ => None,
    }
}
