//! The account's message templates: what Meta approved, is looking at and turned down.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/template-management>.

use async_trait::async_trait;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{outbound, template};
use crate::channel::{
    ApprovedTemplate, ApprovedTemplates, ChannelError, Egress, NewTemplate, TemplateName, TemplatePage,
    TemplateQuery,
};
use crate::meta::Graph;

/// What is asked of each template.
const FIELDS: &str = "id,name,language,category,status,components";

/// A WhatsApp Business account, under the token that manages it.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) id: String,
    pub(super) graph: Graph,
    /// The language of a payload that names none.
    pub(super) fallback_language: String,
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

    fn named(&self, payload: &Value) -> Option<TemplateName> {
        let template = self.template_of(payload)?;
        let text = |path: &str| template.pointer(path).and_then(Value::as_str).map(str::to_owned);
        Some(TemplateName { name: text("/name")?, language: text("/language/code")? })
    }

    fn text(&self, approved: &ApprovedTemplate, payload: &Value) -> Option<String> {
        let is_body =
            |part: &&Value| part["type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("body"));
        let body = approved.components.iter().find(is_body)?["text"].as_str()?;
        let template = self.template_of(payload)?;
        let given = template["components"].as_array().and_then(|parts| parts.iter().find(is_body));
        let parameters = given.and_then(|part| part["parameters"].as_array());
        Some(filled_in(body, parameters.map(Vec::as_slice).unwrap_or_default()))
    }
}

impl Account {
    /// The template that a payload holds, in the words of today.
    fn template_of(&self, payload: &Value) -> Option<Value> {
        template::payload("whatsapp", payload, &self.fallback_language).ok()?.remove("template")
    }
}

/// A body with its parameters: `{{1}}` is the first, `{{name}}` the one of that name. What has none stays.
fn filled_in(body: &str, parameters: &[Value]) -> String {
    let (mut text, mut rest) = (String::new(), body);
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((place, behind)) = after.split_once("}}") else { break };
        text.push_str(before);
        let key = place.trim();
        let parameter = match key.parse::<usize>() {
            Ok(number) => number.checked_sub(1).and_then(|index| parameters.get(index)),
            Err(_) => parameters.iter().find(|parameter| parameter["parameter_name"] == key),
        };
        match parameter.and_then(words) {
            Some(words) => text.push_str(words),
            None => text.extend(["{{", place, "}}"]),
        }
        rest = behind;
    }
    text + rest
}

/// What a parameter reads like: sums and dates carry words for those who cannot write them themselves.
fn words(parameter: &Value) -> Option<&str> {
    let kind = parameter["type"].as_str().unwrap_or("text");
    let words = if kind == "text" { &parameter["text"] } else { &parameter[kind]["fallback_value"] };
    words.as_str()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_filled_in() {
        let given = json!([{"type": "text", "text": "Ann"}, {"type": "currency", "currency":
            {"fallback_value": "$5", "code": "USD", "amount_1000": 5000}}, {"text": "x", "parameter_name": "day"}]);
        let given = given.as_array().expect("parameters");
        for (body, expected) in [
            ("Hello {{1}}, {{2}}", "Hello Ann, $5"),
            ("{{ 1 }}{{1}}", "AnnAnn"),
            ("On {{day}} or {{night}}", "On x or {{night}}"),
            ("{{0}} {{4}} {{", "{{0}} {{4}} {{"),
            ("{{1", "{{1"),
            ("plain", "plain"),
            ("", ""),
        ] {
            assert_eq!(filled_in(body, given), expected);
        }
        // What a parameter says is no place of its own.
        assert_eq!(filled_in("{{1}}", &[json!({"type": "text", "text": "{{1}}"})]), "{{1}}");
    }

    #[test]
    fn a_payload_names_its_template() {
        let settings = json!({"phoneNumberId": "1", "accessToken": "fake-token", "appSecret": "fake-secret",
            "accountId": "2", "accountManagementAccessToken": "fake-token", "hsmFallbackLanguage": "nl"});
        let none = serde_json::Map::new();
        let settings = crate::channel::Settings::new(settings.as_object().expect("settings"), &none);
        let channel = crate::whatsapp::build(settings).expect("a channel");
        let face = channel.templates().expect("an account");
        let named =
            |payload: Value| face.named(&payload).map(|TemplateName { name, language }| (name, language));
        let name = |language: &str| Some(("hi".to_owned(), language.to_owned()));
        assert_eq!(named(json!({"template": {"name": "hi", "language": {"code": "en"}}})), name("en"));
        assert_eq!(named(json!({"type": "template", "template": {"name": "hi"}})), name("nl"));
        assert_eq!(named(json!({"type": "hsm", "hsm": {"element_name": "hi"}})), name("nl"));
        assert_eq!(named(json!({"text": {"body": "hi"}})), None);
        let approved = ApprovedTemplate {
            id: "1".into(),
            name: "hi".into(),
            language: "nl".into(),
            category: "UTILITY".into(),
            status: "APPROVED".into(),
            components: vec![
                json!({"type": "HEADER", "text": "!"}),
                json!({"type": "BODY", "text": "Hi {{1}}"}),
            ],
        };
        let payload = json!({"hsm": {"element_name": "hi", "localizable_params": [{"default": "Ann"}]}});
        assert_eq!(face.text(&approved, &payload).as_deref(), Some("Hi Ann"));
    }
}
