//! What the business says in shorthand: its text is read, and becomes one message or several.

use heliograph_connectors::channel::{Body, Content};
use serde_json::Value;

use crate::core::{Instead, Talk, Toward, bare};
use crate::model::{Role, Tenant};
use crate::wire::v1::{Shorthand, Spoken};

use super::problem::Problem;
use super::{Api, approved, route};

/// The schema of payloads that shorthand knows.
const WHATSAPP: &str = "whatsapp";

/// The messages of a post.
#[derive(Debug)]
pub(super) struct Phrases {
    pub(super) content: Content,
    pub(super) extra: Vec<Content>,
    /// What goes out in their stead on channels that have words of their own for it.
    pub(super) instead: Vec<Instead>,
}

/// Reads the shorthand of what the business says; what is no text has none, and what people say is as they said it.
pub(super) async fn read(
    api: &Api,
    tenant: &Tenant,
    talk: Talk<'_>,
    toward: Option<&Toward>,
    (role, content): (Role, Content),
) -> Result<Phrases, Problem> {
    let plain = |content| Phrases { content, extra: Vec::new(), instead: Vec::new() };
    let (text, actions) = match &content {
        Content::Text { text, actions } if role == Role::Business => (text, actions),
        _ => return Ok(plain(content)),
    };
    let Some(shorthand) = Shorthand::read(text) else { return Ok(plain(content)) };
    let stored = api.core.templates_named(&tenant.app.id, &shorthand.names()).await?;
    let spoken = shorthand.spoken(&stored, actions.clone(), api.core.now())?;
    let mut instead = Vec::new();
    for (place, Spoken { content, whatsapp }) in spoken.iter().enumerate() {
        if let Some(message) = whatsapp {
            instead.extend(templated(api, tenant, talk, toward, (place, content, message)).await?);
        }
    }
    let mut contents = spoken.into_iter().map(|spoken| spoken.content);
    let first = contents.next().unwrap_or(content);
    Ok(Phrases { content: first, extra: contents.collect(), instead })
}

/// A whole message in a channel's own words. Elsewhere it is what it reads like.
pub(super) async fn native(
    api: &Api,
    tenant: &Tenant,
    talk: Talk<'_>,
    toward: Option<&Toward>,
    (schema, message): (String, Value),
) -> Result<Phrases, Problem> {
    let content = bare(&Body::Native { schema, message: message.clone() });
    let instead = templated(api, tenant, talk, toward, (0, &content, &message)).await?;
    Ok(Phrases { content, extra: Vec::new(), instead: instead.into_iter().collect() })
}

/// A template in WhatsApp's words, when the message would go to somebody on WhatsApp.
async fn templated(
    api: &Api,
    tenant: &Tenant,
    talk: Talk<'_>,
    toward: Option<&Toward>,
    (place, fallback, message): (usize, &Content, &Value),
) -> Result<Option<Instead>, Problem> {
    let client = api.core.addressed(tenant, talk, toward).await?;
    let client = client.filter(|client| client.kind == WHATSAPP);
    let Some(client) = client else { return Ok(None) };
    let body = Body::Native { schema: WHATSAPP.into(), message: message.clone() };
    let mut shown = None;
    if let (Some(integration), Some(channel)) =
        (tenant.integration(&client.integration), api.channels.get(&client.integration))
    {
        let route = route(tenant, integration, &*channel);
        approved::learn(api, route, &body).await?;
        shown = api.core.template_text(route, &body).await?;
    }
    let shown = shown.map_or_else(|| fallback.clone(), Content::text);
    Ok(Some(Instead { place, kind: WHATSAPP.into(), body, shown }))
}
