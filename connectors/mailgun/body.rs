//! What a message reads like in a mail, as plain text and as HTML. Pure.

use crate::channel::{Action, ChannelError, Content, text};

/// Mailgun puts the person's own link in this place, for it is the one that keeps the list of those who left.
///
/// It fills in no other word between percent signs, `%recipient%` say: that takes `recipient-variables`, which
/// are never sent. So what people wrote needs no guarding against that.
pub(super) const UNSUBSCRIBE: &str = "%unsubscribe_url%";

/// The same twice: for programs that show plain text, and for all others.
pub(super) struct Bodies {
    pub(super) plain: String,
    pub(super) html: String,
}

impl Bodies {
    pub(super) fn of(
        content: &Content,
        is_enclosed: bool,
        has_unsubscribe_link: bool,
    ) -> Result<Bodies, ChannelError> {
        let (text, actions) = match content {
            Content::Text { text, actions } => (text.clone(), actions.as_slice()),
            Content::Image { text, actions, .. } if is_enclosed => {
                (text.clone().unwrap_or_default(), &actions[..])
            }
            Content::File { text, .. } if is_enclosed => (text.clone().unwrap_or_default(), &[][..]),
            Content::Image { actions, .. } => (text::fallback(&without_actions(content))?, &actions[..]),
            other => (text::fallback(other)?, &[][..]),
        };
        let text = lines(&text);
        let mut plain = lines(&text::with_actions(&text, actions));
        let mut html = paragraph(&linked(&text));
        for action in actions {
            html += &button(action);
        }
        if has_unsubscribe_link {
            plain += &format!("\n\n-- \nUnsubscribe: {UNSUBSCRIBE}\n");
            html += &paragraph(&format!("<small><a href=\"{UNSUBSCRIBE}\">Unsubscribe</a></small>"));
        }
        let html = format!(
            "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head><body dir=\"auto\">\n{html}</body></html>\n"
        );
        Ok(Bodies { plain, html })
    }
}

fn without_actions(content: &Content) -> Content {
    let mut content = content.clone();
    if let Content::Image { actions, .. } = &mut content {
        actions.clear();
    }
    content
}

fn paragraph(html: &str) -> String {
    if html.is_empty() { String::new() } else { format!("<p>{html}</p>\n") }
}

/// A button as a link where it leads somewhere, else as its label.
fn button(action: &Action) -> String {
    let (label, uri) = match action {
        Action::Link { text, uri, .. } => (text, Some(uri)),
        Action::Webview { text, fallback, .. } => (text, Some(fallback)),
        Action::Buy { text, .. }
        | Action::Postback { text, .. }
        | Action::Reply { text, .. }
        | Action::LocationRequest { text, .. } => (text, None),
        Action::Share { .. } => return String::new(),
    };
    let label = escape(&lines(label));
    match uri.filter(|uri| leads_out(uri)) {
        Some(uri) => paragraph(&format!("<a href=\"{}\">{label}</a>", escape(&lines(uri)))),
        None => paragraph(&label),
    }
}

/// Addresses a mail may make clickable. A script is none.
fn leads_out(uri: &str) -> bool {
    let scheme = uri.split(':').next().unwrap_or_default().to_ascii_lowercase();
    matches!(scheme.as_str(), "http" | "https" | "mailto" | "tel")
}

/// A text as HTML, with its web addresses clickable and its line breaks kept.
fn linked(text: &str) -> String {
    let mut html = String::new();
    let mut rest = text.trim_end();
    while let Some(start) = ["https://", "http://"].iter().filter_map(|scheme| rest.find(scheme)).min() {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| c.is_whitespace() || "<>\"".contains(c)).unwrap_or(from.len());
        let url = from[..end].trim_end_matches(|c: char| ".,;:!?)]}'".contains(c));
        let shown = escape(url);
        html += &escape(before);
        html += &if url.ends_with('/') && url.ends_with("//") {
            shown
        } else {
            format!("<a href=\"{shown}\">{shown}</a>")
        };
        rest = &from[url.len()..];
    }
    html += &escape(rest);
    html.replace('\n', "<br>\n")
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            other => escaped.push(other),
        }
    }
    escaped
}

/// A text with one kind of line break and no control characters but tabs.
fn lines(text: &str) -> String {
    let unix = text.replace("\r\n", "\n").replace('\r', "\n");
    unix.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_addresses_become_links_and_nothing_else_does() {
        for (text, html) in [
            (
                "see https://a.example/?x=1&y=2.",
                "see <a href=\"https://a.example/?x=1&amp;y=2\">https://a.example/?x=1&amp;y=2</a>.",
            ),
            ("(http://a.example)", "(<a href=\"http://a.example\">http://a.example</a>)"),
            ("https://", "https://"),
            ("http://https://", "http://https://"),
            ("javascript:alert(1)", "javascript:alert(1)"),
            ("<b>\n'", "&lt;b&gt;<br>\n&#39;"),
        ] {
            assert_eq!(linked(text), html);
        }
    }
}
