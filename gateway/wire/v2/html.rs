//! Text as HTML: what it reads like without its markup.

use nanohtml2text::html2text;

/// The plain text of some HTML: blocks on lines of their own, links with their addresses, without scripts and styles.
pub(super) fn plain(html: &str) -> String {
    html2text(html).replace("\r\n", "\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_goes_and_what_is_read_stays() {
        for (html, expected) in [
            ("Hello <b>you</b> &amp; me", "Hello you & me"),
            ("one<br>two<br/>three", "one\ntwo\nthree"),
            ("<p>one</p><p>two</p>", "one\n\ntwo"),
            ("<ul><li>one</li><li>two</li></ul>", "one\ntwo"),
            (r#"see <a href="https://example.com/a">here</a>"#, "see here (https://example.com/a)"),
            ("<script>alert(1)</script>left<style>p { }</style>", "left"),
            (r#"<a href="javascript:alert(1)">press</a>"#, "press"),
            ("<script>never closed", ""),
            ("5 < 6", "5 < 6"),
        ] {
            assert_eq!(plain(html), expected, "{html}");
        }
    }
}
