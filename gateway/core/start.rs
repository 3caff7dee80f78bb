//! The start of a conversation, and how a person came to it.

use heliograph_connectors::channel::Person;
use serde_json::Value;
use tracing::info;

use crate::model::{Client, CreationReason, Referral, Role, Source, Tenant, Timestamp, What};
use crate::store::{Batch, Expect};

use super::control::{begins, on_activity};
use super::known::Known;
use super::settle::Scene;
use super::talk::event;
use super::{Core, CoreError};

/// What begins a conversation.
#[derive(Debug)]
pub(super) struct Start<'a> {
    pub(super) reason: CreationReason,
    /// The identity it comes from.
    pub(super) client: Option<&'a Client>,
    /// Where it comes from.
    pub(super) source: Source,
    /// What led the person here.
    pub(super) referral: Option<Referral>,
}

impl<'a> Start<'a> {
    /// Something is said.
    pub(super) fn by_message(client: Option<&'a Client>, source: Source) -> Start<'a> {
        Start { reason: CreationReason::Message, client, source, referral: None }
    }
}

impl Core {
    /// Notes that something was said in a conversation, and tells of the first time.
    ///
    /// Only a default conversation begins with what is said in it; others were made, and told of, before.
    pub(super) fn starts(
        &self,
        tenant: &Tenant,
        known: &mut Known,
        start: Start<'_>,
        now: Timestamp,
        batch: &mut Batch,
    ) {
        if !known.starts_default() {
            return;
        }
        let place = start.source.integration.as_ref();
        let place = place.or_else(|| start.client.map(|client| &client.integration));
        begins(tenant, place, &mut known.conversation);
        known.enter_default(now, batch);
        let what = What::ConversationStarted {
            user: Some(known.user.clone()),
            reason: start.reason,
            client: start.client.cloned(),
            source: start.source,
            referral: start.referral,
        };
        self.announce(batch, tenant, &event(tenant, &known.conversation, now, what));
    }

    /// A person came through a link or an advertisement: that starts a conversation, or is told of one that started
    /// before. The code of a link request links them instead.
    pub(super) async fn referred_here(
        &self,
        scene: Scene<'_>,
        provider_id: &str,
        from: &Person,
        code: &str,
        details: &Value,
    ) -> Result<(), CoreError> {
        let app = &scene.tenant.app.id;
        // What brought it, a message or a press, is marked under the same id.
        let mark = format!("{}:referral:{provider_id}", scene.integration.id);
        if self.was_seen(app, &mark).await? || self.redeem(scene, from, code, &mark).await? {
            return Ok(());
        }
        let mut batch = Batch::new(app);
        self.mark_seen(&mut batch, &mark, Expect::Absent);
        let mut known = self.meet(scene, from, &mut batch).await?;
        let client = known.user.client_at(&scene.integration.id, &from.address).cloned();
        let (source, referral) =
            (scene.source(), Referral { code: code.to_owned(), details: details.clone() });
        if known.is_to_start() && !scene.tenant.app.settings.ignore_auto_conversation_start {
            let (tenant, now) = (scene.tenant, scene.now);
            let (reason, referral) = (CreationReason::StartConversation, Some(referral));
            let start = Start { reason, client: client.as_ref(), source, referral };
            self.starts(tenant, &mut known, start, now, &mut batch);
        } else {
            on_activity(scene.tenant, &mut known.conversation);
            let what = What::Referral { user: known.user.clone(), client, source, referral };
            self.announce(
                &mut batch,
                scene.tenant,
                &event(scene.tenant, &known.conversation, scene.now, what),
            );
        }
        known.save(&mut batch);
        Ok(self.store.commit(batch).await?)
    }

    /// A person started or stopped typing. Of a stranger that is not worth a user.
    pub(super) async fn typing(
        &self,
        scene: Scene<'_>,
        from: &Person,
        started: bool,
    ) -> Result<(), CoreError> {
        let Some(known) = self.at_address(scene, &from.address).await? else {
            info!(integration = %scene.integration.id, "a stranger types");
            return Ok(());
        };
        let client = known.user.client_at(&scene.integration.id, &from.address).cloned();
        let (by, user) = (Role::User, Some(known.user));
        let what = What::Typing { by, user, client, source: scene.source(), started };
        let mut batch = Batch::new(&scene.tenant.app.id);
        self.announce(&mut batch, scene.tenant, &event(scene.tenant, &known.conversation, scene.now, what));
        if !batch.is_empty() {
            self.store.commit(batch).await?;
        }
        Ok(())
    }
}
