//! What a send may hold and how much of it, by Meta's tables. Pure.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::sim::meta::Refusal;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    pub(super) body: String,
    #[serde(default)]
    preview_url: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) link: Option<String>,
    #[serde(default)]
    pub(super) caption: Option<String>,
    #[serde(default)]
    filename: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Location {
    latitude: f64,
    longitude: f64,
    #[serde(default, rename = "name")]
    _name: Option<String>,
    #[serde(default, rename = "address")]
    _address: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reaction {
    pub(super) message_id: String,
    #[serde(rename = "emoji")]
    _emoji: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Interactive {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    pub(super) header: Option<Header>,
    pub(super) body: Words,
    #[serde(default)]
    footer: Option<Words>,
    action: Choices,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    pub(super) text: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    pub(super) image: Option<File>,
    #[serde(default)]
    pub(super) video: Option<File>,
    #[serde(default)]
    pub(super) document: Option<File>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Choices {
    buttons: Option<Vec<Button>>,
    button: Option<String>,
    sections: Option<Vec<Section>>,
    name: Option<String>,
    parameters: Option<Link>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Button {
    #[serde(rename = "type")]
    kind: String,
    reply: Row,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    #[serde(default)]
    title: Option<String>,
    rows: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    title: String,
    #[serde(default)]
    description: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    display_text: String,
    url: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Template {
    pub(super) name: String,
    language: Language,
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Language {
    code: String,
    #[serde(default)]
    policy: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Component {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    sub_type: Option<String>,
    #[serde(default)]
    index: Option<Value>,
    #[serde(default)]
    parameters: Vec<Map<String, Value>>,
}

pub(super) fn wrong(what: &str) -> Refusal {
    Refusal::new(131009, "Parameter value is not valid").with_details(what)
}

pub(super) fn check(holds: bool, what: &str) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(wrong(what)) }
}

pub(super) fn within(text: &str, limit: usize) -> bool {
    !text.trim().is_empty() && text.encode_utf16().count() <= limit
}

impl Text {
    pub(super) fn check(&self) -> Result<(), Refusal> {
        check(within(&self.body, 4096), "text.body must be 1 to 4096 characters")?;
        let has_link = self.body.contains("http://") || self.body.contains("https://");
        check(!self.preview_url || has_link, "preview_url needs a link in text.body")
    }
}

impl Location {
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let on_earth = self.latitude.abs() <= 90.0 && self.longitude.abs() <= 180.0;
        check(on_earth, "location must be a place")
    }
}

impl File {
    pub(super) fn check(&self, kind: &str) -> Result<(), Refusal> {
        check(self.id.is_some() != self.link.is_some(), "a file needs either id or link")?;
        let public = self.link.as_deref().is_none_or(|link| link.starts_with("https://"));
        check(public, "link must be an https address")?;
        let caption = self.caption.as_deref();
        let takes_caption = matches!(kind, "image" | "video" | "document");
        check(
            caption.is_none_or(|text| takes_caption && within(text, 1024)),
            "no such caption for this file",
        )?;
        check(
            self.filename.is_none() || matches!(kind, "document" | "header"),
            "only documents have a filename",
        )
    }
}

impl Interactive {
    pub(super) fn check(&self) -> Result<(), Refusal> {
        check(within(&self.body.text, 1024), "interactive.body.text must be 1 to 1024 characters")?;
        check(self.footer.as_ref().is_none_or(|footer| within(&footer.text, 60)), "footer.text is too long")?;
        if let Some(header) = &self.header {
            let is_text = header.text.as_deref().is_some_and(|text| within(text, 60));
            let is_whole = match header.kind.as_str() {
                "text" => is_text,
                "image" => header.image.is_some(),
                "video" => header.video.is_some(),
                "document" => header.document.is_some(),
                _ => false,
            };
            let fits = matches!(self.kind.as_str(), "button" | "cta_url") || header.kind == "text";
            check(is_whole && fits, "no such header for this type")?;
        }
        let Choices { buttons, button, sections, name, parameters } = &self.action;
        match (self.kind.as_str(), buttons, button, sections, name.as_deref(), parameters) {
            ("button", Some(buttons), None, None, None, None) => check_buttons(buttons),
            ("list", None, Some(button), Some(sections), None, None) => {
                check(within(button, 20), "action.button must be 1 to 20 characters")?;
                check_sections(sections)
            }
            ("cta_url", None, None, None, Some("cta_url"), Some(link)) => {
                let is_address = link.url.starts_with("http");
                check(within(&link.display_text, 20) && is_address, "no such link")
            }
            ("location_request_message", None, None, None, Some("send_location"), None) => Ok(()),
            _ => Err(wrong("interactive.action does not suit its type")),
        }
    }
}

fn are_distinct<'a>(texts: impl Iterator<Item = &'a str>) -> bool {
    let mut seen = HashSet::new();
    let mut texts = texts;
    texts.all(|text| seen.insert(text))
}

fn check_buttons(buttons: &[Button]) -> Result<(), Refusal> {
    check((1..=3).contains(&buttons.len()), "there must be 1 to 3 buttons")?;
    let replies = || buttons.iter().map(|button| &button.reply);
    let is_well_formed = |button: &Button| {
        let Row { id, title, description } = &button.reply;
        button.kind == "reply"
            && within(id, 256)
            && id.trim() == id
            && within(title, 20)
            && description.is_none()
    };
    check(buttons.iter().all(is_well_formed), "a button's id or title is too long, empty or padded")?;
    let distinct = are_distinct(replies().map(|reply| reply.id.as_str()))
        && are_distinct(replies().map(|reply| reply.title.as_str()));
    check(distinct, "buttons must differ in id and title")
}

fn check_sections(sections: &[Section]) -> Result<(), Refusal> {
    check((1..=10).contains(&sections.len()), "there must be 1 to 10 sections")?;
    let titled = |section: &Section| match &section.title {
        Some(title) => within(title, 24),
        None => sections.len() == 1,
    };
    check(sections.iter().all(titled), "a section's title is missing or too long")?;
    let rows = || sections.iter().flat_map(|section| &section.rows);
    check((1..=10).contains(&rows().count()), "there must be 1 to 10 rows in all")?;
    let is_well_formed = |row: &Row| {
        within(&row.id, 200)
            && within(&row.title, 24)
            && row.description.as_deref().is_none_or(|text| within(text, 72))
    };
    check(rows().all(is_well_formed), "a row's id, title or description is too long or empty")?;
    check(are_distinct(rows().map(|row| row.id.as_str())), "rows must differ in id")
}

impl Template {
    pub(super) fn named(&self) -> (&str, &str) {
        (&self.name, &self.language.code)
    }

    pub(super) fn check(&self) -> Result<(), Refusal> {
        let is_named =
            |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        check(!self.name.is_empty() && is_named(&self.name), "template.name must be in snake_case")?;
        check(within(&self.language.code, 10), "template.language.code is missing")?;
        let policy = self.language.policy.as_deref();
        check(policy.is_none_or(|policy| policy == "deterministic"), "policy must be deterministic")?;
        for component in &self.components {
            let is_button = component.kind == "button";
            let known = is_button || matches!(component.kind.as_str(), "header" | "body");
            check(known, "no such component")?;
            let placed = component.sub_type.is_some() && component.index.is_some();
            check(placed == is_button, "a button needs sub_type and index, and nothing else has them")?;
            for parameter in &component.parameters {
                let text = parameter.get("text").and_then(Value::as_str).unwrap_or_default();
                if text.contains(['\n', '\t']) || text.contains("    ") {
                    let message = "Parameter format does not match format in the created template";
                    return Err(Refusal::new(132012, message));
                }
                check(parameter.get("type").is_some_and(Value::is_string), "a parameter needs a type")?;
            }
        }
        Ok(())
    }
}
