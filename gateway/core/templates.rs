//! Stored templates: messages that an app keeps under names.

use std::collections::HashMap;

use heliograph_connectors::channel::Content;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::{App, Id, Template};
use crate::store::{Batch, Cut, Record, Versioned};

use super::{Core, CoreError, Once, Thing, retried};

/// Templates of an app, at most; two requests at once may make one more.
const TEMPLATES_MAX: usize = 1000;

/// The list of an app's templates, ordered by when they were made.
const TEMPLATES: &str = "templates";

/// What is said of a template: all of it to make one, some of it to change one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TemplateChange {
    /// What it is called.
    pub name: Option<String>,
    /// What it says, and the business's own facts about that.
    pub message: Option<(Content, Map<String, Value>)>,
}

impl Record for Template {
    const KIND: &'static str = "template";

    fn record_id(&self) -> String {
        self.id.to_string()
    }
}

/// Whose a name is: what makes it unique.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct TemplateName {
    name: String,
    template: Id<Template>,
}

impl Record for TemplateName {
    const KIND: &'static str = "templatename";

    fn record_id(&self) -> String {
        self.name.clone()
    }
}

impl Core {
    /// Keeps a message under a name that no other template of the app has.
    pub async fn create_template(
        &self,
        app: &Id<App>,
        name: String,
        (content, metadata): (Content, Map<String, Value>),
        once: Once<'_, Template>,
    ) -> Result<Template, CoreError> {
        let now = self.now();
        let template = Template { id: Id::fresh(now), name, content, metadata, created: now };
        retried(|| self.try_create_template(app, &template, &once)).await?;
        Ok(template)
    }

    async fn try_create_template(
        &self,
        app: &Id<App>,
        template: &Template,
        once: &Once<'_, Template>,
    ) -> Result<(), CoreError> {
        self.check_name(app, &template.name).await?;
        let made = self.store.page(app, TEMPLATES, Cut::Newest { limit: TEMPLATES_MAX }).await?;
        if made.len() >= TEMPLATES_MAX {
            return Err(CoreError::Invalid(format!("an app may have at most {TEMPLATES_MAX} templates")));
        }
        let mut batch = Batch::new(app);
        batch.insert(template);
        batch.insert(&name_of(template));
        batch.append(TEMPLATES, template.created.millis(), template.id.as_str());
        once.enter(&mut batch, template.created, template);
        Ok(self.store.commit(batch).await?)
    }

    /// An app's templates, oldest first.
    pub async fn templates(&self, app: &Id<App>) -> Result<Vec<Template>, CoreError> {
        let list = self.store.page(app, TEMPLATES, Cut::Newest { limit: TEMPLATES_MAX }).await?;
        let ids: Vec<String> = list.into_iter().map(|entry| entry.member).collect();
        let found = self.store.load_all::<Template>(app, &ids).await?;
        Ok(found.into_iter().flatten().map(|read| read.value).collect())
    }

    /// One template.
    pub async fn template(&self, app: &Id<App>, id: &str) -> Result<Template, CoreError> {
        Ok(self.find_template(app, id).await?.value)
    }

    /// What the templates of these names say; a name that none has is left out.
    pub async fn templates_named(
        &self,
        app: &Id<App>,
        names: &[String],
    ) -> Result<HashMap<String, Content>, CoreError> {
        if names.is_empty() {
            return Ok(HashMap::new());
        }
        let named = self.store.load_all::<TemplateName>(app, names).await?;
        let ids: Vec<String> =
            named.into_iter().flatten().map(|read| read.value.template.to_string()).collect();
        let found = self.store.load_all::<Template>(app, &ids).await?;
        Ok(found.into_iter().flatten().map(|read| (read.value.name, read.value.content)).collect())
    }

    /// Changes a template.
    pub async fn update_template(
        &self,
        app: &Id<App>,
        id: &str,
        change: TemplateChange,
    ) -> Result<Template, CoreError> {
        retried(|| self.try_update_template(app, id, change.clone())).await
    }

    async fn try_update_template(
        &self,
        app: &Id<App>,
        id: &str,
        TemplateChange { name, message }: TemplateChange,
    ) -> Result<Template, CoreError> {
        let mut read = self.find_template(app, id).await?;
        let mut batch = Batch::new(app);
        if let Some(name) = name.filter(|name| *name != read.value.name) {
            self.check_name(app, &name).await?;
            batch.delete(TemplateName::KIND, &*read.value.name);
            read.value.name = name;
            batch.insert(&name_of(&read.value));
        }
        if let Some((content, metadata)) = message {
            (read.value.content, read.value.metadata) = (content, metadata);
        }
        batch.update(&read);
        self.store.commit(batch).await?;
        Ok(read.value)
    }

    /// Forgets a template, under its name too.
    pub async fn delete_template(&self, app: &Id<App>, id: &str) -> Result<(), CoreError> {
        retried(|| self.try_delete_template(app, id)).await
    }

    async fn try_delete_template(&self, app: &Id<App>, id: &str) -> Result<(), CoreError> {
        let read = self.find_template(app, id).await?;
        let mut batch = Batch::new(app);
        // Written under its version before it goes: whoever gives it another name meanwhile is not overlooked.
        batch.update(&read);
        batch.delete(Template::KIND, read.value.record_id());
        batch.delete(TemplateName::KIND, &*read.value.name);
        batch.remove(TEMPLATES, read.value.id.as_str());
        Ok(self.store.commit(batch).await?)
    }

    async fn find_template(&self, app: &Id<App>, id: &str) -> Result<Versioned<Template>, CoreError> {
        let found = self.store.load::<Template>(app, id).await?;
        found.ok_or(CoreError::NotFound(Thing::Template))
    }

    async fn check_name(&self, app: &Id<App>, name: &str) -> Result<(), CoreError> {
        match self.store.load::<TemplateName>(app, name).await? {
            None => Ok(()),
            Some(_) => Err(CoreError::Conflict(format!("A template called {name:?} already exists"))),
        }
    }
}

fn name_of(template: &Template) -> TemplateName {
    TemplateName { name: template.name.clone(), template: template.id.clone() }
}
