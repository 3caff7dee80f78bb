//! The account's message templates: what Meta approved, is looking at and turned down.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/template-management>.

use async_trait::async_trait;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::outbound;
use crate::channel::{
    ApprovedTemplate, ApprovedTemplates, ChannelError, Egress, NewTemplate, TemplatePage, TemplateQuery,
};
use crate::meta::Graph;

/// What is asked of each template.
const FIELDS: &str = "id,name,language,category,status,components";

/// A WhatsApp Business account, under the token that manages it.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) id: String,
    pub(super) graph: Graph,
}

impl Account {
    fn path(&self, query: &[(&str, &str)]) -> String {
        let mut path = format!("/{}/message_templates", self.id);
        if !query.is_empty() {
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
            path = format!("{path}?{query}");
        }
        path
    }
}

#[async_trait]
impl ApprovedTemplates for Account {
    async fn list(&self, asked: &TemplateQuery, egress: &dyn Egress) -> Result<TemplatePage, ChannelError> {
        let limit = asked.limit.map(|limit| limit.to_string());
        let given = [
            ("fields", Some(FIELDS)),
            ("name", asked.name.as_deref()),
            ("status", asked.status.as_deref()),
            ("limit", limit.as_deref()),
            ("before", asked.before.as_deref()),
            ("after", asked.after.as_deref()),
        ];
        let query: Vec<(&str, &str)> =
            given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let answer = egress.call(self.graph.request(Method::GET, &self.path(&query), None)?).await?;
        let page: Page = outbound::read(&answer)?;
        let Paging { cursors, previous, next } = page.paging;
        Ok(TemplatePage {
            templates: page.data,
            before: cursors.before.filter(|_| previous.is_some()),
            after: cursors.after.filter(|_| next.is_some()),
        })
    }

    async fn create(
        &self,
        template: &NewTemplate,
        egress: &dyn Egress,
    ) -> Result<ApprovedTemplate, ChannelError> {
        let NewTemplate { name, language, category, components } = template;
        let body =
            json!({"name": name, "language": language, "category": category, "components": components});
        let answer = egress.call(self.graph.request(Method::POST, &self.path(&[]), Some(&body))?).await?;
        let made: Made = outbound::read(&answer)?;
        Ok(ApprovedTemplate {
            id: made.id,
            name: name.clone(),
            language: language.clone(),
            category: made.category.unwrap_or_else(|| category.clone()),
            status: made.status,
            components: components.clone(),
        })
    }

    async fn delete(&self, name: &str, egress: &dyn Egress) -> Result<(), ChannelError> {
        let path = self.path(&[("name", name)]);
        outbound::done(&egress.call(self.graph.request(Method::DELETE, &path, None)?).await?)
    }
}

#[derive(Deserialize)]
struct Page {
    data: Vec<ApprovedTemplate>,
    #[serde(default)]
    paging: Paging,
}

/// Meta gives cursors on every page; only the addresses say whether there is one more.
#[derive(Default, Deserialize)]
struct Paging {
    #[serde(default)]
    cursors: Cursors,
    previous: Option<Value>,
    next: Option<Value>,
}

#[derive(Default, Deserialize)]
struct Cursors {
    before: Option<String>,
    after: Option<String>,
}

#[derive(Deserialize)]
struct Made {
    id: String,
    status: String,
    category: Option<String>,
}
