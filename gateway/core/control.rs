//! Who leads a conversation for the business: moves are made and told, what people do is led, and others hear or wait.

mod moves;

use serde_json::{Map, Value};

use crate::model::{
    ControlAction, ControlError, Controller, Conversation, Event, Id, Integration, Message, Switchboard,
    SwitchboardIntegration, Tenant, Timestamp, User, Webhook, What,
};
use crate::store::{Batch, Cut};

use super::records::save;
use super::talk::{Room, Talk, event};
use super::{Core, CoreError, Once, retried};

pub use moves::{Move, Mover};

use moves::{NotTheirs, Told};

/// A move, and who makes it.
#[derive(Debug, Clone)]
pub struct Turn {
    /// Who.
    pub mover: Mover,
    /// What.
    pub wanted: Move,
    /// What they say to whoever leads next.
    pub metadata: Map<String, Value>,
}

impl Core {
    /// Moves the lead of a conversation. Whose move it is not is refused; a move that there is not changes nothing, and
    /// whoever hears of moves is told why.
    pub async fn control(
        &self,
        tenant: &Tenant,
        conversation: &str,
        turn: Turn,
        once: Once<'_, ()>,
    ) -> Result<(), CoreError> {
        retried(|| self.try_control(tenant, conversation, &turn, &once)).await
    }

    async fn try_control(
        &self,
        tenant: &Tenant,
        conversation: &str,
        turn: &Turn,
        once: &Once<'_, ()>,
    ) -> Result<(), CoreError> {
        let now = self.clock.now();
        let room = self.room(tenant, Talk::Named(conversation)).await?;
        let user = match &room {
            Room::Personal(known) => Some(known.user.clone()),
            Room::Group(_) => None,
        };
        let (mut conversation, version) = room.into_conversation();
        let board = tenant.switchboard.as_ref();
        let moved = moves::moved(board, &conversation.control, &turn.mover, &turn.wanted);
        let moved = moved.map_err(|NotTheirs| CoreError::Forbidden)?;
        let mut batch = Batch::new(&tenant.app.id);
        if moved.control != conversation.control {
            conversation.control = moved.control;
            save(&mut batch, version, &conversation);
        }
        if let Some(told) = moved.told {
            let event = self.told_of_move(tenant, conversation, user, turn, told, now).await?;
            self.announce(&mut batch, tenant, &event);
        }
        once.enter(&mut batch, now, &());
        if !batch.is_empty() {
            self.store.commit(batch).await?;
        }
        Ok(())
    }

    async fn told_of_move(
        &self,
        tenant: &Tenant,
        mut conversation: Conversation,
        user: Option<User>,
        turn: &Turn,
        told: Told,
        now: Timestamp,
    ) -> Result<Event, CoreError> {
        let action = action_of(&turn.wanted);
        let (to, error) = match told {
            Told::Made { shown, to } => {
                conversation.control = shown;
                (to, None)
            }
            Told::Failed(failed) => {
                (None, Some(ControlError { code: failed.code.into(), message: failed.message.into() }))
            }
        };
        let to = to.and_then(|to| tenant.switchboard.as_ref()?.present(&to));
        let history = match to.and_then(|to| to.history) {
            Some(count) if action == ControlAction::Pass => self.newest(tenant, &conversation, count).await?,
            _ => Vec::new(),
        };
        let (to, metadata) = (to.map(controller), turn.metadata.clone());
        let what = What::Control { action, error, user, metadata, to, history };
        Ok(event(tenant, &conversation, now, what))
    }

    /// The newest messages of a conversation, oldest first.
    async fn newest(
        &self,
        tenant: &Tenant,
        conversation: &Conversation,
        count: usize,
    ) -> Result<Vec<Message>, CoreError> {
        let since = self.shown_since(tenant, conversation);
        let cut = Cut::Newest { limit: count };
        let mut messages = self.messages_within(&tenant.app.id, &conversation.id, cut).await?;
        messages.retain(|message| Some(message.received) > since);
        Ok(messages)
    }
}

fn action_of(wanted: &Move) -> ControlAction {
    match wanted {
        Move::Pass(_) => ControlAction::Pass,
        Move::Offer(_) => ControlAction::Offer,
        Move::Accept => ControlAction::Accept,
        Move::Release => ControlAction::Release,
    }
}

/// Says who leads a conversation that begins, on an integration where it begins on one.
pub(super) fn begins(
    tenant: &Tenant,
    integration: Option<&Id<Integration>>,
    conversation: &mut Conversation,
) {
    let integration = integration.and_then(|id| tenant.integration(id));
    let responder = integration.and_then(|integration| integration.default_responder.as_ref());
    conversation.control = moves::begun(tenant.switchboard.as_ref(), responder);
}

/// A person does something in a conversation: somebody leads it from then on.
pub(super) fn on_activity(tenant: &Tenant, conversation: &mut Conversation) {
    conversation.control = moves::kept(tenant.switchboard.as_ref(), &conversation.control);
}

/// Who leads a conversation, and to whom it is offered, as they are shown. Nobody while no turns are taken.
pub(super) fn controllers(
    tenant: &Tenant,
    conversation: &Conversation,
) -> (Option<Controller>, Option<Controller>) {
    let Some(board) = enabled(tenant) else { return (None, None) };
    let control = &conversation.control;
    let shown = |id: &Option<Id<_>>| board.present(id.as_ref()?).map(controller);
    (shown(&control.active), shown(&control.pending))
}

fn controller(seat: &SwitchboardIntegration) -> Controller {
    Controller {
        id: seat.id.clone(),
        name: seat.name.clone(),
        integration: seat.integration.clone(),
        kind: seat.kind.clone(),
    }
}

fn enabled(tenant: &Tenant) -> Option<&Switchboard> {
    tenant.switchboard.as_ref().filter(|board| board.enabled)
}

/// Whether a webhook may hear of an event: those on standby may be kept from what is said while others lead. Moves are
/// heard by all.
pub(super) fn hears(tenant: &Tenant, webhook: &Webhook, event: &Event) -> bool {
    let (Some(board), Some(held)) = (enabled(tenant), &event.conversation) else { return true };
    let Some(seat) = board.seat_of(&webhook.owner()) else { return true };
    let leads = held.active.as_ref().is_some_and(|active| active.id == seat.id);
    leads || seat.standby || matches!(event.what, What::Control { .. })
}
