//! The start of a conversation, and how a person came to it.

use heliograph_connectors::channel::Person;
use serde_json::Value;
use tracing::info;

use crate::model::{Client, Event, Referral, Source, Tenant, Timestamp, What};
use crate::store::{Batch, Expect};

use super::identify::Known;
use super::settle::Scene;
use super::{Core, CoreError};

impl Core {
    /// Notes that something was said in a conversation, and tells of the first time.
    #[expect(clippy::too_many_arguments, reason = "what the event tells, and where it is put")]
    pub(super) fn starts(
        &self,
        tenant: &Tenant,
        known: &mut Known,
        client: Option<&Client>,
        source: &Source,
        referral: Option<Referral>,
        now: Timestamp,
        batch: &mut Batch,
    ) {
        if known.user.conversation_started {
            return;
        }
        known.user_starts();
        let what = What::ConversationStarted {
            user: known.user.clone(),
            client: client.cloned(),
            source: source.clone(),
            referral,
        };
        self.announce(batch, tenant, &Event::new(&tenant.app.id, now, what));
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
        if !known.user.conversation_started && !scene.tenant.app.settings.ignore_auto_conversation_start {
            let (tenant, now) = (scene.tenant, scene.now);
            self.starts(tenant, &mut known, client.as_ref(), &source, Some(referral), now, &mut batch);
        } else {
            let what = What::Referral { user: known.user.clone(), client, source, referral };
            self.announce(&mut batch, scene.tenant, &Event::new(app, scene.now, what));
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
        let what = What::Typing { user: known.user, client, source: scene.source(), started };
        let mut batch = Batch::new(&scene.tenant.app.id);
        self.announce(&mut batch, scene.tenant, &Event::new(&scene.tenant.app.id, scene.now, what));
        if !batch.is_empty() {
            self.store.commit(batch).await?;
        }
        Ok(())
    }
}
