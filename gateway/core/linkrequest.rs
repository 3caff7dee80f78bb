//! Link requests: a code that a person brings from wherever the business showed it, and is linked by.

use heliograph_connectors::channel::{Content, InboundMessage, Person};
use serde::{Deserialize, Serialize};
use serde_json::Map;
use std::time::Duration;

use crate::model::{
    ClientStatus, Confirmation, Id, Integration, LinkOutcome, PendingLink, Tenant, User, What,
};
use crate::store::{Batch, Expect, Record};

use super::identify::client_of;
use super::records::save;
use super::settle::Scene;
use super::{Core, CoreError};

/// How long a code may be brought.
const LASTS: Duration = Duration::from_secs(24 * 60 * 60);

/// What a code begins with, and the hex digits that follow.
const PREFIX: &str = "lr_";
const DIGITS: usize = 24;

/// A code that waits for the person who brings it, once.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct LinkRequest {
    code: String,
    user: Id<User>,
    integration: Id<Integration>,
}

impl Record for LinkRequest {
    const KIND: &'static str = "linkrequest";

    fn record_id(&self) -> String {
        self.code.clone()
    }
}

impl Core {
    /// Makes a code for each integration. Whoever brings it there is this user.
    pub async fn request_links(
        &self,
        tenant: &Tenant,
        user: &str,
        integrations: &[&Integration],
    ) -> Result<Vec<String>, CoreError> {
        let user = self.find_user(tenant, user).await?.value;
        let mut batch = Batch::new(&tenant.app.id);
        let mut codes = Vec::new();
        for integration in integrations {
            let code = secret_code(PREFIX);
            let request = LinkRequest {
                code: code.clone(),
                user: user.id.clone(),
                integration: integration.id.clone(),
            };
            let until = Some(self.clock.now() + LASTS);
            batch.put(LinkRequest::KIND, &*code, &request, Expect::Absent, until);
            codes.push(code);
        }
        self.store.commit(batch).await?;
        Ok(codes)
    }

    /// A code for a user of whom nothing but that is remembered: nothing here asks for it again.
    pub async fn auth_code(&self, tenant: &Tenant, user: &str) -> Result<String, CoreError> {
        self.find_user(tenant, user).await?;
        Ok(secret_code("ac_"))
    }

    /// Links whoever wrote nothing but a code. Whether they did.
    pub(super) async fn redeemed(
        &self,
        scene: Scene<'_>,
        said: &InboundMessage,
        mark: &str,
    ) -> Result<bool, CoreError> {
        let Content::Text { text, .. } = &said.content else { return Ok(false) };
        self.redeem(scene, &said.from, text, mark).await
    }

    /// Links whoever brings a code, and uses it up. Whether it was one.
    pub(super) async fn redeem(
        &self,
        scene: Scene<'_>,
        from: &Person,
        words: &str,
        mark: &str,
    ) -> Result<bool, CoreError> {
        let app = &scene.tenant.app.id;
        let Some(code) = code_in(words) else { return Ok(false) };
        let Some(asked) = self.store.load::<LinkRequest>(app, code).await? else { return Ok(false) };
        if asked.value.integration != scene.integration.id {
            return Ok(false);
        }
        let Some(mut read) = self.person(app, &asked.value.user).await? else { return Ok(false) };
        let link = PendingLink {
            client: client_of(scene, from, ClientStatus::Pending),
            confirmation: Confirmation::Immediate { message: None },
            criteria: Map::new(),
            expires_at: scene.now,
            delivery: None,
        };
        let mut batch = Batch::new(app);
        // Nobody else used it meanwhile.
        batch.delete_expecting(LinkRequest::KIND, code, Expect::Version(asked.version));
        self.mark_seen(&mut batch, mark, Expect::Absent);
        let begun = What::LinkStarted { user: read.value.clone(), client: link.client.clone() };
        self.tell_of_client(scene.heard(), &read.value, &link.client, begun, &mut batch).await?;
        self.tell_link(scene.heard(), &read.value, &link, LinkOutcome::Match, &mut batch).await?;
        self.attach(scene, &mut read.value, &link, &mut batch).await?;
        save(&mut batch, Some(read.version), &read.value);
        self.store.commit(batch).await?;
        Ok(true)
    }
}

fn secret_code(prefix: &str) -> String {
    let chance = Id::<LinkRequest>::random().to_string();
    let digits: String = chance.chars().take(DIGITS).collect();
    format!("{prefix}{digits}")
}

/// The code, where the first line is nothing else: mail programs put something below.
fn code_in(words: &str) -> Option<&str> {
    let line = words.trim_start().lines().next()?.trim_end();
    let digits = line.strip_prefix(PREFIX)?;
    let is_code = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_code.then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_stands_alone() {
        let code = secret_code(PREFIX);
        assert_eq!(code_in(&code), Some(&*code));
        assert_eq!(code_in(&format!(" {code} \n-- \nAda")), Some(&*code));
        for other in ["", "hello", &format!("my code is {code}"), &format!("{code} thanks"), "lr_", "lr_12"] {
            assert_eq!(code_in(other), None, "{other}");
        }
        assert_ne!(secret_code(PREFIX), code);
    }
}
