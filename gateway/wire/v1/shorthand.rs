//! Shorthand in the text of a message: buttons, pictures and templates that are written where they stand.
//!
//! `%[Label](https://example.com)`, `%[Label](reply:PAYLOAD)`, `%[Label](postback:PAYLOAD)`, `%[Label](location)`,
//! `$[Label](25.00)`, `![](https://example.com/a.png)`, `%((template:NAME))%`, `%{{template:NAME}}%`, and
//! `&((template=[[NAME]] …))&` for a template of WhatsApp. What is none of these is text, as it was typed.

mod whatsapp;

use std::collections::HashMap;

use heliograph_connectors::channel::{Action, Content};
use serde_json::{Map, Value};
use url::Url;

use crate::model::Timestamp;
use crate::wire::Invalid;

use super::requests::{MESSAGE_ACTIONS_MAX, are_mixable, fresh};

/// Messages that one text may become.
const MESSAGES_MAX: usize = 10;

/// Characters of a link's address.
const URI_MAX: usize = 2048;

/// A text in which there is shorthand.
#[derive(Debug, Clone, PartialEq)]
pub struct Shorthand<'a>(Vec<Token<'a>>);

/// A message that a text became.
#[derive(Debug, Clone, PartialEq)]
pub struct Spoken {
    /// What it says.
    pub content: Content,
    /// What it says on WhatsApp instead, in WhatsApp's own words.
    pub whatsapp: Option<Value>,
}

/// A stretch of a text, as it was typed, and what it means.
#[derive(Debug, Clone, PartialEq)]
struct Token<'a> {
    raw: &'a str,
    means: Meaning<'a>,
}

#[derive(Debug, Clone, PartialEq)]
enum Meaning<'a> {
    Text,
    Link { label: &'a str, uri: &'a str },
    Reply { label: &'a str, payload: &'a str },
    Postback { label: &'a str, payload: &'a str },
    Location { label: &'a str },
    Buy { label: &'a str, cents: i64 },
    Image { url: &'a str, alt_text: &'a str },
    Stored { name: &'a str },
    WhatsApp(whatsapp::Template<'a>),
}

impl<'a> Shorthand<'a> {
    /// Looks for shorthand in a text; `None` when there is none.
    pub fn read(text: &'a str) -> Option<Shorthand<'a>> {
        let tokens = tokens(text);
        let has_some = tokens.iter().any(|token| token.means != Meaning::Text);
        has_some.then_some(Shorthand(tokens))
    }

    /// The names of the stored templates it speaks of.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for token in &self.0 {
            if let Meaning::Stored { name } = token.means
                && !names.iter().any(|known| known == name)
            {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// The messages it is, at least one. `stored` are the templates there are, `actions` what stood beside the text;
    /// that goes with its end. A stored template that there is not is left as it was typed.
    pub fn spoken(
        &self,
        stored: &HashMap<String, Content>,
        actions: Vec<Action>,
        now: Timestamp,
    ) -> Result<Vec<Spoken>, Invalid> {
        let mut said = Said::default();
        let mut spoken = Vec::new();
        for Token { raw, means } in &self.0 {
            match means {
                Meaning::Text => said.write(raw),
                Meaning::Image { url, alt_text } => {
                    if said.image.is_some() {
                        spoken.extend(std::mem::take(&mut said).over()?);
                    }
                    said.left_out();
                    said.image = Some(((*url).to_owned(), Some(*alt_text).filter(|text| !text.is_empty())));
                }
                Meaning::Stored { name } => match stored.get(*name) {
                    None => said.write(raw),
                    Some(content) => {
                        said.left_out();
                        spoken.extend(std::mem::take(&mut said).over()?);
                        spoken.push(Spoken { content: content.clone(), whatsapp: None });
                        said.left_out();
                    }
                },
                Meaning::WhatsApp(template) => {
                    said.left_out();
                    spoken.extend(std::mem::take(&mut said).over()?);
                    spoken.push(template.spoken()?);
                    said.left_out();
                }
                button => {
                    said.left_out();
                    said.actions.extend(action(button, now));
                }
            }
        }
        said.actions.extend(actions);
        spoken.extend(said.over()?);
        if spoken.len() > MESSAGES_MAX {
            return Err(refuse(&format!("becomes more than {MESSAGES_MAX} messages")));
        }
        Ok(spoken)
    }
}

fn refuse(message: &str) -> Invalid {
    Invalid { path: "text".into(), message: message.into() }
}

/// A message in the making.
#[derive(Debug, Default)]
struct Said<'a> {
    text: String,
    /// Whether something was taken out, so that what is blank around it goes too.
    is_cut: bool,
    /// Whether that was just now.
    at_cut: bool,
    actions: Vec<Action>,
    image: Option<(String, Option<&'a str>)>,
}

impl Said<'_> {
    fn write(&mut self, text: &str) {
        let is_after_blank = self.text.is_empty() || self.text.ends_with(char::is_whitespace);
        let text = match text.chars().next().filter(|first| first.is_whitespace()) {
            Some(first) if self.at_cut && is_after_blank => &text[first.len_utf8()..],
            _ => text,
        };
        self.text.push_str(text);
        self.at_cut = false;
    }

    fn left_out(&mut self) {
        (self.is_cut, self.at_cut) = (true, true);
    }

    /// What it became, if it says anything.
    fn over(self) -> Result<Option<Spoken>, Invalid> {
        let Said { text, is_cut, actions, image, .. } = self;
        if actions.len() > MESSAGE_ACTIONS_MAX {
            return Err(refuse(&format!("must not hold more than {MESSAGE_ACTIONS_MAX} buttons")));
        }
        if !are_mixable(&actions) {
            return Err(refuse("reply and locationRequest can be mixed only with each other"));
        }
        let text = if is_cut { text.trim().to_owned() } else { text };
        let content = match image {
            Some((media_url, alt_text)) => Content::Image {
                media_url,
                media_type: None,
                text: Some(text).filter(|text| !text.is_empty()),
                alt_text: alt_text.map(str::to_owned),
                actions,
            },
            None if text.is_empty() && actions.is_empty() => return Ok(None),
            None => Content::Text { text, actions },
        };
        Ok(Some(Spoken { content, whatsapp: None }))
    }
}

fn action(button: &Meaning<'_>, now: Timestamp) -> Option<Action> {
    let (id, metadata) = (fresh(now), Map::new());
    Some(match *button {
        Meaning::Link { label, uri } => Action::Link {
            id,
            text: label.into(),
            uri: uri.into(),
            default: false,
            extra_channel_options: None,
            metadata,
        },
        Meaning::Reply { label, payload } => {
            Action::Reply { id, text: label.into(), payload: payload.into(), icon_url: None, metadata }
        }
        Meaning::Postback { label, payload } => {
            Action::Postback { id, text: label.into(), payload: payload.into(), metadata }
        }
        Meaning::Location { label } => Action::LocationRequest { id, text: label.into(), metadata },
        Meaning::Buy { label, cents } => {
            Action::Buy { id, text: label.into(), amount: cents, currency: "usd".into(), metadata }
        }
        Meaning::Text | Meaning::Image { .. } | Meaning::Stored { .. } | Meaning::WhatsApp(_) => return None,
    })
}

/// A text in stretches, none of it left out.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut plain, mut at) = (0, 0);
    while let Some(step) = text[at..].find(['%', '$', '!', '&']) {
        at += step;
        let Some((means, rest)) = shorthand(&text[at..]) else {
            at += 1;
            continue;
        };
        if plain < at {
            tokens.push(Token { raw: &text[plain..at], means: Meaning::Text });
        }
        let end = text.len() - rest.len();
        tokens.push(Token { raw: &text[at..end], means });
        (plain, at) = (end, end);
    }
    if plain < text.len() {
        tokens.push(Token { raw: &text[plain..], means: Meaning::Text });
    }
    tokens
}

/// The shorthand a text begins with, and what follows it.
fn shorthand(text: &str) -> Option<(Meaning<'_>, &str)> {
    if let Some(rest) = text.strip_prefix("%[") {
        let (label, target, rest) = labelled(rest, "%[")?;
        return Some((button(label, target)?, rest));
    }
    if let Some(rest) = text.strip_prefix("$[") {
        let (label, target, rest) = labelled(rest, "$[")?;
        let is_labelled = !label.is_empty();
        return Some((Meaning::Buy { label, cents: cents(target).filter(|_| is_labelled)? }, rest));
    }
    if let Some(rest) = text.strip_prefix("![") {
        let (alt_text, url, rest) = labelled(rest, "![")?;
        let is_web = Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        return (is_web && url.len() <= URI_MAX).then_some((Meaning::Image { url, alt_text }, rest));
    }
    if let Some(rest) = text.strip_prefix("&((") {
        let (template, rest) = whatsapp::read(rest)?;
        return Some((Meaning::WhatsApp(template), rest));
    }
    let (rest, end) = match text.strip_prefix("%((") {
        Some(rest) => (rest, "))%"),
        None => (text.strip_prefix("%{{")?, "}}%"),
    };
    let (inner, rest) = rest.split_once(end)?;
    let name = inner.trim_start().strip_prefix("template:")?.trim();
    let is_name = !name.is_empty() && !name.contains('\n');
    is_name.then_some((Meaning::Stored { name }, rest))
}

/// `Label](target)`, and what follows.
fn labelled<'a>(text: &'a str, opening: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let (label, rest) = text.split_once("](")?;
    if label.contains('\n') || label.contains(opening) {
        return None;
    }
    let mut open = 1_usize;
    for (at, c) in rest.char_indices() {
        match c {
            '\n' => return None,
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some((label.trim(), rest[..at].trim(), &rest[at + 1..]));
        }
    }
    None
}

fn button<'a>(label: &'a str, target: &'a str) -> Option<Meaning<'a>> {
    if label.is_empty() {
        return None;
    }
    if target == "location" {
        return Some(Meaning::Location { label });
    }
    if let Some(payload) = target.strip_prefix("reply:") {
        return Some(Meaning::Reply { label, payload });
    }
    if let Some(payload) = target.strip_prefix("postback:") {
        return Some(Meaning::Postback { label, payload });
    }
    let is_address = target.len() <= URI_MAX && Url::parse(target).is_ok();
    is_address.then_some(Meaning::Link { label, uri: target })
}

/// `25`, `25.5` or `25.00` in cents.
fn cents(amount: &str) -> Option<i64> {
    let (whole, part) = amount.split_once('.').unwrap_or((amount, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > 2 || !are_digits(whole) || !are_digits(part) {
        return None;
    }
    let part: i64 = format!("{part:0<2}").parse().ok()?;
    let cents = whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(part)?;
    (cents > 0).then_some(cents)
}

#[cfg(test)]
mod tests;
