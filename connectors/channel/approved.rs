//! Message templates that a provider has to approve before they may be sent.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ChannelError, Egress};

/// The face of channels whose provider keeps approved templates.
///
/// WhatsApp keeps them for a business account, not for a number: `/{account}/message_templates`, opened by a token
/// with the right to manage the account. A template is named by its name, and has one form per language; deleting a
/// name deletes all of them.
#[async_trait]
pub trait ApprovedTemplates: Send + Sync {
    /// A page of the templates there are.
    async fn list(&self, asked: &TemplateQuery, egress: &dyn Egress) -> Result<TemplatePage, ChannelError>;

    /// Asks for a new one. Its id, status and category in the answer are as the provider says.
    async fn create(
        &self,
        template: &NewTemplate,
        egress: &dyn Egress,
    ) -> Result<ApprovedTemplate, ChannelError>;

    /// Deletes a template in all its languages.
    async fn delete(&self, name: &str, egress: &dyn Egress) -> Result<(), ChannelError>;

    /// Which template a payload of the channel's schema is made of; `None` when it is made of none.
    fn named(&self, payload: &Value) -> Option<TemplateName>;

    /// What a template says with the parameters of a payload; `None` when it has no words.
    fn text(&self, template: &ApprovedTemplate, payload: &Value) -> Option<String>;
}

/// What tells a template from others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateName {
    /// Its name.
    pub name: String,
    /// Its language.
    pub language: String,
}

/// Which templates are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct TemplateQuery {
    /// Those of this name.
    pub name: Option<String>,
    /// Those of this status, `APPROVED`.
    pub status: Option<String>,
    /// How many on a page.
    pub limit: Option<u32>,
    /// The page before this cursor.
    pub before: Option<String>,
    /// The page after this cursor.
    pub after: Option<String>,
}

/// A page of templates, with the cursors of its neighbours where there are any.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TemplatePage {
    /// The templates.
    pub templates: Vec<ApprovedTemplate>,
    /// What [`TemplateQuery::before`] must be to get the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What [`TemplateQuery::after`] must be to get the page after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A template as it is asked for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTemplate {
    /// Its name: lower case letters, digits and underscores.
    pub name: String,
    /// Its language, `en_US`.
    pub language: String,
    /// `MARKETING`, `UTILITY` or `AUTHENTICATION`.
    pub category: String,
    /// Its parts, in the provider's words: `{"type": "BODY", "text": "Hello {{1}}"}`.
    pub components: Vec<Value>,
}

/// A template as the provider has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApprovedTemplate {
    /// The provider's id of it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its language.
    pub language: String,
    /// Its category, which the provider may have changed.
    pub category: String,
    /// `APPROVED`, `PENDING`, `REJECTED`, `PAUSED`, …
    pub status: String,
    /// Its parts, in the provider's words.
    #[serde(default)]
    pub components: Vec<Value>,
}
