//! Checks sends as strictly as the Cloud API, and here and there more: no field that it does not know; and whom they
//! reach. Pure.

use std::sync::Arc;

use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Line,
    content::{File, Interactive, Location, Reaction, Template, Text, check, within, wrong},
};
use crate::sim::{
    meta::{self, Refusal},
    outbox::Draft,
};

/// A send as it is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Send {
    messaging_product: String,
    #[serde(default)]
    recipient_type: Option<String>,
    #[serde(default)]
    to: Option<String>,
    #[serde(default)]
    recipient: Option<String>,
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    context: Option<Context>,
    #[serde(default)]
    biz_opaque_callback_data: Option<String>,
    #[serde(default)]
    text: Option<Text>,
    #[serde(default)]
    image: Option<File>,
    #[serde(default)]
    video: Option<File>,
    #[serde(default)]
    audio: Option<File>,
    #[serde(default)]
    document: Option<File>,
    #[serde(default)]
    sticker: Option<File>,
    #[serde(default)]
    location: Option<Location>,
    #[serde(default)]
    contacts: Option<Vec<Map<String, Value>>>,
    #[serde(default)]
    reaction: Option<Reaction>,
    #[serde(default)]
    interactive: Option<Interactive>,
    #[serde(default)]
    template: Option<Template>,
}

/// That a person's message was read, and that somebody may be writing to them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Status {
    messaging_product: String,
    status: String,
    pub(super) message_id: String,
    #[serde(default)]
    typing_indicator: Option<Indicator>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Indicator {
    #[serde(rename = "type")]
    kind: String,
}

impl Status {
    /// Reads one; `None` when the call is a send.
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Option<Status>, Refusal> {
        let request = meta::object(headers, body)?;
        if !request.contains_key("status") {
            return Ok(None);
        }
        let status: Status = serde_json::from_value(Value::Object(request))
            .map_err(|error| Refusal::parameter(&error.to_string()))?;
        check(status.messaging_product == "whatsapp", "messaging_product must be whatsapp")?;
        check(status.status == "read", "status must be read")?;
        let types = status.typing_indicator.as_ref().is_none_or(|indicator| indicator.kind == "text");
        check(types, "typing_indicator.type must be text")?;
        Ok(Some(status))
    }

    /// What the person sees.
    pub(super) fn word(&self) -> &'static str {
        if self.typing_indicator.is_some() { "typing_indicator" } else { "read" }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Context {
    message_id: String,
}

/// A send that Meta would take, and the body it came in.
#[derive(Debug)]
pub(super) struct Order {
    send: Send,
    request: Value,
}

/// Reads a send and checks everything that needs no knowledge of the number.
pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Order, Refusal> {
    let request = Value::Object(meta::object(headers, body)?);
    let send: Send = serde_path_to_error::deserialize(&request).map_err(|error| {
        let message = format!("Param {}: {}", error.path(), error.inner());
        let is_missing = error.inner().to_string().starts_with("missing field");
        if is_missing { Refusal::new(131008, &message) } else { Refusal::parameter(&message) }
    })?;
    send.check_envelope()?;
    send.check_content()?;
    Ok(Order { send, request })
}

impl Send {
    fn check_envelope(&self) -> Result<(), Refusal> {
        check(self.messaging_product == "whatsapp", "messaging_product must be whatsapp")?;
        let is_individual = self.recipient_type.as_deref().is_none_or(|kind| kind == "individual");
        check(is_individual, "recipient_type must be individual")?;
        let opaque = self.biz_opaque_callback_data.as_deref().unwrap_or_default();
        check(opaque.chars().count() <= 512, "biz_opaque_callback_data must be at most 512 characters")?;
        let quotes = self.context.as_ref().is_none_or(|context| context.message_id.starts_with("wamid."));
        check(quotes, "context.message_id must be a message's id")?;
        match (&self.to, &self.recipient) {
            (None, None) => Err(Refusal::new(131008, "The parameter to is required.")),
            (Some(_), Some(_)) => Err(wrong("to and recipient exclude each other")),
            (None, Some(scoped)) => {
                check(is_scoped_id(scoped), "recipient must be a business-scoped user id")
            }
            (Some(to), None) => check(cleaned(to).is_some(), "to must be a phone number"),
        }
    }

    /// The kinds of content that are there.
    fn kinds(&self) -> Vec<&'static str> {
        let there = [
            ("text", self.text.is_some()),
            ("image", self.image.is_some()),
            ("video", self.video.is_some()),
            ("audio", self.audio.is_some()),
            ("document", self.document.is_some()),
            ("sticker", self.sticker.is_some()),
            ("location", self.location.is_some()),
            ("contacts", self.contacts.is_some()),
            ("reaction", self.reaction.is_some()),
            ("interactive", self.interactive.is_some()),
            ("template", self.template.is_some()),
        ];
        there.into_iter().filter(|(_, there)| *there).map(|(kind, _)| kind).collect()
    }

    fn check_content(&self) -> Result<(), Refusal> {
        let kind = self.kind.as_deref().unwrap_or("text");
        check(self.kinds() == [kind], "the message must hold its type's content and no other")?;
        self.text.as_ref().map_or(Ok(()), Text::check)?;
        for (kind, file) in self.media() {
            file.check(kind)?;
        }
        self.location.as_ref().map_or(Ok(()), Location::check)?;
        if let Some(cards) = &self.contacts {
            let named = |card: &Map<String, Value>| {
                card.get("name").and_then(|name| name.get("formatted_name")).is_some_and(Value::is_string)
            };
            check(
                (1..=5).contains(&cards.len()) && cards.iter().all(named),
                "contacts must be 1 to 5 with names",
            )?;
        }
        if let Some(reaction) = &self.reaction {
            check(reaction.message_id.starts_with("wamid."), "reaction.message_id must be a message's id")?;
        }
        self.interactive.as_ref().map_or(Ok(()), Interactive::check)?;
        self.template.as_ref().map_or(Ok(()), Template::check)
    }

    fn media(&self) -> impl Iterator<Item = (&'static str, &File)> {
        let header = self.interactive.as_ref().and_then(|interactive| interactive.header.as_ref());
        let all = [
            ("image", self.image.as_ref()),
            ("video", self.video.as_ref()),
            ("audio", self.audio.as_ref()),
            ("document", self.document.as_ref()),
            ("sticker", self.sticker.as_ref()),
            ("header", header.and_then(|header| header.image.as_ref())),
            ("header", header.and_then(|header| header.video.as_ref())),
            ("header", header.and_then(|header| header.document.as_ref())),
        ];
        all.into_iter().filter_map(|(kind, file)| Some((kind, file?)))
    }
}

impl Order {
    /// The ids of held files that it names.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.send.media().filter_map(|(_, file)| file.id.as_deref())
    }

    /// The recipient as it was asked for.
    pub(super) fn input(&self) -> &str {
        self.send.to.as_deref().or(self.send.recipient.as_deref()).unwrap_or_default()
    }

    /// The name and language of the template that it is made of.
    pub(super) fn template(&self) -> Option<(&str, &str)> {
        self.send.template.as_ref().map(Template::named)
    }

    /// The message, to whom Meta would send it.
    pub(super) fn draft(self, line: &Line, provider_id: String) -> Result<Draft, Refusal> {
        let send = &self.send;
        let to = match &send.to {
            Some(to) => whole(to, &line.number).ok_or_else(|| wrong("to must be a phone number"))?,
            None => self.input().to_owned(),
        };
        if to == line.number {
            return Err(Refusal::new(131021, "Recipient cannot be sender"));
        }
        let files: Vec<&File> = send.media().map(|(_, file)| file).collect();
        let caption = files.iter().find_map(|file| file.caption.clone());
        let body = send.interactive.as_ref().map(|interactive| interactive.body.text.clone());
        let name = send.template.as_ref().map(|template| template.name.clone());
        let text = send.text.as_ref().map(|text| text.body.clone());
        let media = files.iter().filter_map(|file| file.link.clone().or(file.id.clone())).collect();
        Ok(Draft {
            account: Arc::clone(&line.account),
            provider_id,
            to,
            from: line.number.clone(),
            text: text.or(caption).or(body).or(name).unwrap_or_default(),
            media,
            reference: send.biz_opaque_callback_data.clone(),
            request: self.request,
            callback: None,
            pool: None,
            status: "accepted",
        })
    }
}

fn is_scoped_id(given: &str) -> bool {
    let (country, id) = given.split_once('.').unwrap_or_default();
    country.len() == 2 && within(id, 128) && id.chars().all(|c| c.is_ascii_alphanumeric())
}

/// A number without what people write between its digits; `None` when it is none.
fn cleaned(given: &str) -> Option<String> {
    let bare: String = given.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')')).collect();
    let digits = bare.strip_prefix('+').unwrap_or(&bare);
    let is_number = (5..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then_some(bare)
}

/// The number that Meta sends to: without a plus it takes the digits for a national number of the business's own
/// country, even where a country code is already among them.
fn whole(to: &str, own: &str) -> Option<String> {
    let bare = cleaned(to)?;
    Some(if bare.starts_with('+') { bare } else { format!("+{}{bare}", country_code(own)) })
}

/// The country code of a number.
fn country_code(number: &str) -> &str {
    let digits = number.trim_start_matches('+');
    let length = match digits.as_bytes() {
        [b'1' | b'7', ..] => 1,
        [b'2', b'0' | b'7', ..] | [b'3', b'0' | b'1' | b'2' | b'3' | b'4' | b'6' | b'9', ..] => 2,
        [b'4', b'2', ..] | [b'5', b'0' | b'9', ..] | [b'6', b'7'..=b'9', ..] => 3,
        [b'8', b'0' | b'5' | b'7' | b'8', ..] | [b'9', b'6' | b'7' | b'9', ..] | [b'2' | b'3', ..] => 3,
        _ => 2,
    };
    &digits[..length.min(digits.len())]
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn a_number_without_its_plus_is_another_number() {
        let indian = "+911145550100";
        assert_eq!(whole("1 (631) 555-1234", indian).as_deref(), Some("+9116315551234"));
        assert_eq!(whole("+1 (631) 555-1234", indian).as_deref(), Some("+16315551234"));
        assert_eq!(whole("15145550199", "+15145550100").as_deref(), Some("+115145550199"));
        assert_eq!(whole("555180000", "+351210000000").as_deref(), Some("+351555180000"));
        assert_eq!(whole("Ann", indian), None);
    }
}
