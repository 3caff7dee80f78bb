//! JSON rewritten as text: order, spacing and the way characters are escaped stay as the provider wrote them.

use std::fmt::Write as _;

use serde_json::Value;

use super::Rewrite;

/// The name under which Mailgun lists a mail's headers, as pairs of name and value.
const HEADER_PAIRS: &str = "message-headers";

/// The document with its keys, texts and numbers rewritten; `None` when it is none.
pub(super) fn rewrite(text: &str, with: &mut dyn Rewrite) -> Option<String> {
    // Parsed once for its errors and its limit on depth: the walk below then needs neither.
    serde_json::from_str::<Value>(text).ok()?;
    let mut walk = Walk { rest: text, out: String::with_capacity(text.len()), path: Vec::new(), with };
    walk.value();
    walk.out.push_str(walk.rest);
    Some(walk.out)
}

struct Walk<'t, 'w> {
    rest: &'t str,
    out: String,
    path: Vec<String>,
    with: &'w mut dyn Rewrite,
}

impl<'t> Walk<'t, '_> {
    fn value(&mut self) {
        match self.peek() {
            '{' => self.object(),
            '[' => self.array(),
            '"' => {
                let (raw, text) = self.string();
                let new = self.with.text(&self.path, &text);
                self.write(raw, &text, &new);
            }
            c if c == '-' || c.is_ascii_digit() => {
                let raw = self.word();
                let new = self.with.number(&self.path, raw);
                self.out.push_str(&new);
            }
            _ => {
                let word = self.word();
                self.out.push_str(word);
            }
        }
    }

    fn object(&mut self) {
        self.copy();
        while self.peek() != '}' {
            let (raw, key) = self.string();
            let new = self.with.key(&key);
            self.write(raw, &key, &new);
            self.past(':');
            self.path.push(key);
            self.value();
            self.path.pop();
            self.past(',');
        }
        self.copy();
    }

    fn array(&mut self) {
        self.copy();
        let mut name = None;
        while self.peek() != ']' {
            let named = self.path.last().is_some_and(|key| key == HEADER_PAIRS) && self.peek() == '"';
            match name.take() {
                Some(key) if named => {
                    self.path.push(key);
                    self.value();
                    self.path.pop();
                }
                _ if named => {
                    let (raw, key) = self.string();
                    let new = self.with.key(&key);
                    self.write(raw, &key, &new);
                    name = Some(key);
                }
                _ => self.value(),
            }
            self.past(',');
        }
        self.copy();
    }

    /// The next character that means something; spaces before it are copied.
    fn peek(&mut self) -> char {
        let trimmed = self.rest.trim_start();
        let (spaces, rest) = self.rest.split_at(self.rest.len() - trimmed.len());
        self.out.push_str(spaces);
        self.rest = rest;
        rest.chars().next().unwrap_or(']')
    }

    fn copy(&mut self) {
        let (one, rest) = self.rest.split_at(self.rest.len().min(1));
        self.out.push_str(one);
        self.rest = rest;
    }

    fn past(&mut self, separator: char) {
        if self.peek() == separator {
            self.copy();
        }
    }

    /// Takes a string: as it is written, and what it says.
    fn string(&mut self) -> (&'t str, String) {
        self.peek();
        let mut escaped = false;
        let ends = self.rest.char_indices().skip(1).find(|(_, c)| {
            let closes = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            closes
        });
        let (raw, rest) = self.rest.split_at(ends.map_or(self.rest.len(), |(at, _)| at + 1));
        self.rest = rest;
        (raw, serde_json::from_str(raw).unwrap_or_default())
    }

    /// Writes a string in the style of the one it stands for: Meta escapes all but ASCII, and slashes.
    fn write(&mut self, raw: &str, old: &str, new: &str) {
        if old == new {
            return self.out.push_str(raw);
        }
        let mut written = Value::from(new).to_string();
        if raw.contains("\\/") {
            written = written.replace('/', "\\/");
        }
        if !raw.is_ascii() {
            return self.out.push_str(&written);
        }
        let mut units = [0; 2];
        for c in written.chars() {
            if c.is_ascii() {
                self.out.push(c);
                continue;
            }
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(self.out, "\\u{unit:04x}");
            }
        }
    }

    /// Takes a number, `true`, `false` or `null`.
    fn word(&mut self) -> &'t str {
        let ends = self.rest.find([',', ']', '}', ' ', '\n', '\r', '\t']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(ends.max(1).min(self.rest.len()));
        self.rest = rest;
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows where each leaf was met.
    struct Show;

    impl Rewrite for Show {
        fn text(&mut self, path: &[String], text: &str) -> String {
            format!("{}={}é", path.join("."), text.len())
        }

        fn number(&mut self, _: &[String], raw: &str) -> String {
            format!("{raw}0")
        }
    }

    #[test]
    fn the_way_it_is_written_stays() {
        for (given, expected) in [
            (
                r#"{ "a" : "xy","b":[1, -2.5,true,null,{"c":"\u00e9"}] }"#,
                "{ \"a\" : \"a=2\\u00e9\",\"b\":[10, -2.50,true,null,{\"c\":\"b.c=2\\u00e9\"}] }",
            ),
            (r#"["é\/","a\"b"]"#, "[\"=3é\",\"=3\\u00e9\"]"),
            (
                r#"{"message-headers":[["To","x"],["Cc","yy"]]}"#,
                "{\"message-headers\":[[\"To\",\"message-headers.To=1\\u00e9\"],[\"Cc\",\"message-headers.Cc=2\\u00e9\"]]}",
            ),
            ("7", "70"),
            ("{}", "{}"),
            (" [ ] ", " [ ] "),
        ] {
            assert_eq!(rewrite(given, &mut Show).as_deref(), Some(expected), "{given}");
        }
    }

    #[test]
    fn what_is_no_json_is_left_to_others() {
        for given in ["", "{", "a=b", "[1,]", &"[".repeat(500)] {
            assert_eq!(rewrite(given, &mut Show), None);
        }
    }
}
