//! Text as Markdown: the HTML it becomes, and what it reads like.

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// Addresses that run something instead of leading somewhere.
const SCRIPTS: [&str; 3] = ["javascript:", "vbscript:", "data:"];

/// The HTML of some Markdown. Markup of HTML's own within it is dropped, and so are addresses that are scripts.
pub(super) fn html(markdown: &str) -> String {
    let mut written = String::with_capacity(markdown.len() * 3 / 2);
    html::push_html(&mut written, events(markdown));
    written.trim_end().to_owned()
}

/// What some Markdown reads like: blocks on lines of their own, links with their addresses.
pub(super) fn plain(markdown: &str) -> String {
    let (mut text, mut links) = (String::with_capacity(markdown.len()), Vec::new());
    for event in events(markdown) {
        match event {
            Event::Text(part) | Event::Code(part) => text.push_str(&part),
            Event::SoftBreak | Event::HardBreak => text.push('\n'),
            Event::Rule => part(&mut text, 2),
            Event::Start(Tag::Link { dest_url, .. }) => links.push((dest_url, text.len())),
            Event::End(TagEnd::Link) => {
                let Some((address, from)) = links.pop() else { continue };
                if !address.is_empty() && text[from..] != *address {
                    text.push_str(&format!(" ({address})"));
                }
            }
            Event::Start(Tag::List(_)) | Event::End(TagEnd::Item) => part(&mut text, 1),
            Event::End(
                TagEnd::Paragraph
                | TagEnd::Heading(_)
                | TagEnd::CodeBlock
                | TagEnd::BlockQuote(_)
                | TagEnd::List(_),
            ) => part(&mut text, 2),
            _ => {}
        }
    }
    text.trim().to_owned()
}

/// Makes what follows stand on another line, or after an empty one.
fn part(text: &mut String, lines: usize) {
    let there = text.len() - text.trim_end_matches('\n').len();
    (there..lines).for_each(|_| text.push('\n'));
}

fn events(markdown: &str) -> impl Iterator<Item = Event<'_>> {
    let parser = Parser::new_ext(markdown, Options::ENABLE_STRIKETHROUGH);
    parser.filter(|event| !matches!(event, Event::Html(_) | Event::InlineHtml(_))).map(|event| match event {
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            Event::Start(Tag::Link { link_type, dest_url: harmless(dest_url), title, id })
        }
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            Event::Start(Tag::Image { link_type, dest_url: harmless(dest_url), title, id })
        }
        other => other,
    })
}

fn harmless(address: CowStr<'_>) -> CowStr<'_> {
    // Browsers look past blanks and controls before and within the scheme.
    let visible = address.chars().filter(|c| !c.is_whitespace() && !c.is_control());
    let begin: String = visible.take(16).flat_map(char::to_lowercase).collect();
    if SCRIPTS.iter().any(|scheme| begin.starts_with(scheme)) { CowStr::from("") } else { address }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_html_and_text() {
        for (markdown, as_html, as_text) in [
            ("Hello **you**", "<p>Hello <strong>you</strong></p>", "Hello you"),
            ("# Head\n\ntext `code`", "<h1>Head</h1>\n<p>text <code>code</code></p>", "Head\n\ntext code"),
            ("- one\n- two", "<ul>\n<li>one</li>\n<li>two</li>\n</ul>", "one\ntwo"),
            (
                "[here](https://example.com/)",
                r#"<p><a href="https://example.com/">here</a></p>"#,
                "here (https://example.com/)",
            ),
            (
                "<https://example.com/>",
                r#"<p><a href="https://example.com/">https://example.com/</a></p>"#,
                "https://example.com/",
            ),
            ("a < b & c", "<p>a &lt; b &amp; c</p>", "a < b & c"),
            ("```\n1 < 2\n```", "<pre><code>1 &lt; 2\n</code></pre>", "1 < 2"),
            ("~~old~~", "<p><del>old</del></p>", "old"),
        ] {
            assert_eq!((html(markdown).as_str(), plain(markdown).as_str()), (as_html, as_text), "{markdown}");
        }
    }

    #[test]
    fn scripts_are_dropped() {
        for markdown in [
            "<script>alert(1)</script>",
            "[press](javascript:alert(1))",
            "[press](JavaScript:alert(1))",
            "![x](data:text/html;base64,PHNjcmlwdD4=)",
            "[press](<java\tscript:alert(1)>)",
            "text <img src=x onerror=alert(1)> text",
        ] {
            let html = html(markdown).to_ascii_lowercase();
            let is_harmless =
                !["<script", "script:", "data:", "onerror"].iter().any(|odd| html.contains(odd));
            assert!(is_harmless, "{markdown}: {html}");
        }
    }
}
