//! What is known here of the templates that providers approved, and what a message made of one says.

use std::time::Duration;

use heliograph_connectors::channel::{ApprovedTemplate, Body, Channel, Content, TemplateName};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{App, Client, Id, Integration, Tenant};
use crate::store::{Batch, Expect, Record};

use super::talk::{Talk, Toward, choose};
use super::{Core, CoreError, Once, Route};

/// How long a template is taken to be as its provider told it, unless a send shows otherwise.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// How soon the provider is asked again about a template that it does not know, or when it did not answer.
const UNKNOWN: Duration = Duration::from_secs(60);

/// What WhatsApp's error codes about templates begin with: it is not there, it has other parameters, it was paused.
const ABOUT_TEMPLATES: &str = "132";

/// What goes out in the stead of one of a post's contents, where a channel has words of its own for it.
#[derive(Debug, Clone)]
pub struct Instead {
    /// Which content, counted from zero.
    pub place: usize,
    /// The channel's type.
    pub kind: String,
    /// What goes out.
    pub body: Body,
    /// What the history then says.
    pub shown: Content,
}

/// A template of an integration as its provider told it; none, when it did not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Approved {
    integration: Id<Integration>,
    name: TemplateName,
    template: Option<ApprovedTemplate>,
}

impl Record for Approved {
    const KIND: &'static str = "approved";

    fn record_id(&self) -> String {
        id_of(&self.integration, &self.name)
    }
}

fn id_of(integration: &Id<Integration>, name: &TemplateName) -> String {
    let TemplateName { name, language } = name;
    format!("{integration}:{name}:{language}")
}

impl Core {
    /// Whether it is known what a payload's template says, or that nobody can say it: then nobody need be asked.
    pub async fn unknown_template(
        &self,
        route: Route<'_>,
        body: &Body,
    ) -> Result<Option<TemplateName>, CoreError> {
        let Some(name) = named(route.channel, body) else { return Ok(None) };
        let id = id_of(&route.integration.id, &name);
        let known = self.store.load::<Approved>(&route.tenant.app.id, &id).await?;
        Ok(known.is_none().then_some(name))
    }

    /// Keeps what the provider told of a template, or that it told nothing.
    pub async fn keep_approved(
        &self,
        app: &Id<App>,
        integration: &Id<Integration>,
        name: TemplateName,
        template: Option<ApprovedTemplate>,
    ) -> Result<(), CoreError> {
        let lasts = if template.is_some() { FRESH } else { UNKNOWN };
        let approved = Approved { integration: integration.clone(), name, template };
        let mut batch = Batch::new(app);
        let expires = Some(self.now() + lasts);
        batch.put(Approved::KIND, approved.record_id(), &approved, Expect::Anything, expires);
        Ok(self.store.commit(batch).await?)
    }

    /// A template was asked for: what was known under its name does not hold any more.
    pub async fn template_made(
        &self,
        app: &Id<App>,
        integration: &Id<Integration>,
        name: &TemplateName,
        made: &ApprovedTemplate,
        once: Once<'_, ApprovedTemplate>,
    ) -> Result<(), CoreError> {
        let mut batch = Batch::new(app);
        batch.delete(Approved::KIND, id_of(integration, name));
        once.enter(&mut batch, self.now(), made);
        Ok(self.store.commit(batch).await?)
    }

    /// What a message reads like: its content, or what its template says with its parameters. Where the template is
    /// not known, the payload's own text or the template's name.
    pub async fn shown(&self, route: Route<'_>, body: &Body) -> Result<Content, CoreError> {
        let known = self.template_text(route, body).await?;
        Ok(known.map_or_else(|| bare(body), Content::text))
    }

    /// What the template of a payload says, where it is known.
    pub async fn template_text(&self, route: Route<'_>, body: &Body) -> Result<Option<String>, CoreError> {
        let (Body::Native { message, .. }, Some(face)) = (body, route.channel.templates()) else {
            return Ok(None);
        };
        let Some(name) = face.named(message) else { return Ok(None) };
        let id = id_of(&route.integration.id, &name);
        let known = self.store.load::<Approved>(&route.tenant.app.id, &id).await?;
        let template = known.and_then(|read| read.value.template);
        Ok(template.and_then(|template| face.text(&template, message)))
    }

    /// The identity of a user that a post would go to.
    pub async fn addressed(
        &self,
        tenant: &Tenant,
        talk: Talk<'_>,
        toward: Option<&Toward>,
    ) -> Result<Option<Client>, CoreError> {
        let known = self.personal(tenant, talk).await?;
        Ok(choose(tenant, &known.user, &known.conversation.id, toward)?.cloned())
    }
}

/// The template that a payload is made of, where its channel can tell.
fn named(channel: &dyn Channel, body: &Body) -> Option<TemplateName> {
    match body {
        Body::Content(_) => None,
        Body::Native { message, .. } => channel.templates()?.named(message),
    }
}

/// What a payload reads like of itself: its text, the name of its template, or the word for its kind.
pub fn bare(body: &Body) -> Content {
    match body {
        Body::Content(content) => content.clone(),
        Body::Native { schema, message } => {
            let text = |path| message.pointer(path).and_then(Value::as_str);
            let text = text("/text/body").or(text("/template/name")).or(text("/hsm/element_name"));
            Content::text(text.unwrap_or(schema))
        }
    }
}

/// Forgets what was known of a message's template, when its provider refused it for the template's sake.
pub(super) fn forget_refused(route: Route<'_>, body: &Body, code: Option<&str>, batch: &mut Batch) {
    if code.is_some_and(|code| code.starts_with(ABOUT_TEMPLATES))
        && let Some(name) = named(route.channel, body)
    {
        batch.delete(Approved::KIND, id_of(&route.integration.id, &name));
    }
}
