//! What stands in for what people and providers said: every value is replaced unless it is known to be a word of the
//! protocol.
//!
//! The same value becomes the same stand-in for as long as a recording lasts, and has the shape of what it stands for:
//! numbers stay as long, ids stay ids, a text keeps its length and its alphabet. Nothing is remembered for that:
//! stand-ins are keyed hashes.

use std::collections::BTreeMap;

use heliograph_connectors::channel::signature::hmac_sha256;
use url::Url;

use super::words::{
    COMMANDS, COORDINATES, DOMAINS, ENDINGS, KEPT_RUNS, PATH_WORDS, POSTBACK, PROTOCOL, PROVIDER_HOSTS, TIMES,
};
use super::{Rewrite, json};

/// Letters that stand in for letters.
const LETTERS: &[u8] = b"loremipsumdolorsitametconsecteturadipiscingelit";

/// Where the business's own hooks are said to arrive.
pub(super) const GATEWAY: &str = "gateway.example.com";

/// What a scrubber was told beforehand.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// Values that have a stand-in of their own: credentials.
    pub(super) values: BTreeMap<String, String>,
    /// The business's own numbers, as digits.
    pub(super) numbers: BTreeMap<String, String>,
    /// The provider's address as configured, and its own.
    pub(super) base: Option<(String, String)>,
    /// The host under which the gateway is called.
    pub(super) host: String,
}

/// Replaces values.
#[derive(Debug, Clone)]
pub(super) struct Scrubber {
    key: [u8; 32],
    known: Known,
}

impl Scrubber {
    /// A scrubber; the same key gives the same stand-ins.
    pub(super) fn new(key: [u8; 32], known: Known) -> Scrubber {
        Scrubber { key, known }
    }

    /// The stand-in for a value that stands under a name.
    pub(super) fn value(&self, name: &str, value: &str) -> String {
        let name = name.to_ascii_lowercase();
        let listed = |names: &[&str]| names.contains(&name.trim_end_matches(|c: char| c.is_ascii_digit()));
        if let Some(known) = self.known.values.get(value) {
            return known.clone();
        }
        if let Some((_, place)) = COORDINATES.iter().find(|(coordinate, _)| *coordinate == name) {
            return (*place).to_owned();
        }
        let protocol = (listed(PROTOCOL) && is_protocol(value)) || (listed(TIMES) && is_time(value));
        if value.is_empty() || protocol {
            return value.to_owned();
        }
        if listed(DOMAINS) {
            return self.host(value);
        }
        let nested = value.starts_with(['{', '[']).then(|| json::rewrite(value, &mut { self })).flatten();
        nested.unwrap_or_else(|| self.free(value))
    }

    /// The stand-in for anything.
    pub(super) fn free(&self, value: &str) -> String {
        if COMMANDS.contains(&value.trim().to_uppercase().as_str()) {
            return value.to_owned();
        }
        if value.len() > value.trim().len() || value.contains(char::is_whitespace) {
            return self.spoken(value);
        }
        match value.rsplit_once('.').filter(|(_, ending)| is_ending(ending)) {
            Some((stem, ending)) if !value.contains("://") => format!("{}.{ending}", self.token(stem)),
            _ => self.token(value),
        }
    }

    /// Several words: numbers, addresses and links are recognised among them.
    fn spoken(&self, text: &str) -> String {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        if digits.len() >= 7 && text.chars().all(|c| c.is_ascii_digit() || " +-().".contains(c)) {
            let mapped = self.digits(&digits);
            let mut mapped = mapped.chars();
            return text
                .chars()
                .map(|c| if c.is_ascii_digit() { mapped.next().unwrap_or('0') } else { c })
                .collect();
        }
        let words = text.split_inclusive(char::is_whitespace).map(|word| {
            let bare = word.trim_end_matches(char::is_whitespace);
            let space = &word[bare.len()..];
            let address = bare.contains("://") || bare.contains('@');
            format!("{}{space}", if address { self.token(bare) } else { lorem(bare) })
        });
        words.collect()
    }

    /// One word.
    fn token(&self, word: &str) -> String {
        let outer = |c: char| "<>()[]{},;:\"'!".contains(c);
        let inner = word.trim_matches(outer);
        let Some(at) = word.find(inner).filter(|_| !inner.is_empty()) else { return lorem(word) };
        let (before, after) = (&word[..at], &word[at + inner.len()..]);
        if let Some(payload) = inner.strip_prefix(POSTBACK) {
            return format!("{before}{POSTBACK}{}{after}", self.token(payload));
        }
        let stand_in = match inner.rsplit_once('@') {
            _ if inner.contains("://") => self.url(inner),
            Some((local, host)) if !local.is_empty() => {
                format!("{}@{}", self.runs(&local.to_lowercase()), self.host(host))
            }
            _ if inner.contains(|c: char| c.is_ascii_digit()) => self.runs(inner),
            _ => lorem(inner),
        };
        format!("{before}{stand_in}{after}")
    }

    fn url(&self, text: &str) -> String {
        let text = match &self.known.base {
            Some((configured, own)) => {
                text.strip_prefix(configured.as_str()).map(|rest| format!("{own}{rest}"))
            }
            None => None,
        }
        .unwrap_or_else(|| text.to_owned());
        let Ok(url) = Url::parse(&text) else { return self.runs(&text) };
        let mut scrubbed = format!("{}://{}", url.scheme(), self.host(url.host_str().unwrap_or_default()));
        scrubbed.push_str(&self.path(url.path()));
        if let Some(query) = url.query() {
            scrubbed.push('?');
            scrubbed.push_str(&super::body::form(query, &mut { self }));
        }
        scrubbed
    }

    /// A path: words of the providers' APIs stay.
    pub(super) fn path(&self, path: &str) -> String {
        let segment = |segment: &str| {
            let (stem, ending) = match segment.rsplit_once('.') {
                Some((stem, ending)) if is_ending(ending) => (stem, format!(".{ending}")),
                _ => (segment, String::new()),
            };
            // What is escaped in a path is somebody's words, not the API's.
            let bare = stem.replace('%', "x");
            let stem = match stem {
                _ if stem.is_empty() || PATH_WORDS.contains(&stem) => stem.to_owned(),
                _ if stem.contains(|c: char| c.is_ascii_digit()) => self.runs(&bare),
                _ => lorem(&bare),
            };
            format!("{stem}{ending}")
        };
        path.split('/').map(segment).collect::<Vec<_>>().join("/")
    }

    /// A host's stand-in; the providers' own stay.
    pub(super) fn host(&self, host: &str) -> String {
        let host = host.to_ascii_lowercase();
        if PROVIDER_HOSTS.contains(&host.as_str()) {
            return host;
        }
        if host == self.known.host {
            return GATEWAY.to_owned();
        }
        format!("h{}.example.com", hex::encode(&self.hash(&host)[..4]))
    }

    /// An id: runs of letters and digits are replaced one by one, so that an id inside another stays the same.
    fn runs(&self, id: &str) -> String {
        let mut scrubbed = String::new();
        for run in id.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
            let word = run.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            scrubbed.push_str(&self.run(word));
            scrubbed.extend(run[word.len()..].chars().map(|c| lorem_char(c, 0)));
        }
        scrubbed
    }

    fn run(&self, run: &str) -> String {
        // A single character identifies nobody, and tells the pieces of a message apart.
        if run.len() < 2 || KEPT_RUNS.contains(&run) {
            return run.to_owned();
        }
        if run.bytes().all(|byte| byte.is_ascii_digit()) {
            return self.digits(run);
        }
        // Twilio's ids begin with two letters that say what they name.
        let names_kind = run.len() == 34 && run.as_bytes()[..2].iter().all(u8::is_ascii_uppercase);
        let kept = if names_kind { 2 } else { 0 };
        let mut chance = Chance::new(self, run);
        let rest = run[kept..].chars().map(|c| match c {
            '0'..='9' => chance.of(b"0123456789"),
            'a'..='f' => chance.of(b"abcdef"),
            'A'..='F' => chance.of(b"ABCDEF"),
            'g'..='z' => chance.of(b"ghijklmnopqrstuvwxyz"),
            _ => chance.of(b"GHIJKLMNOPQRSTUVWXYZ"),
        });
        format!("{}{}", &run[..kept], rest.collect::<String>())
    }

    /// As many digits, in a range that belongs to nobody where they could be a telephone number.
    pub(super) fn digits(&self, digits: &str) -> String {
        if let Some(own) = self.known.numbers.get(digits) {
            return own.clone();
        }
        let mut chance = Chance::new(self, digits);
        let prefix = match digits.len() {
            0..7 => "",
            7..10 => "555",
            10 => "514555",
            _ => "1514555",
        };
        let mut scrubbed = prefix.to_owned();
        // The first one drawn is no nought: such numbers are the business's own.
        while scrubbed.len() < digits.len() {
            scrubbed.push(chance.of(if scrubbed.len() == prefix.len() {
                b"123456789"
            } else {
                b"0123456789"
            }));
        }
        scrubbed
    }

    fn hash(&self, text: &str) -> Vec<u8> {
        hmac_sha256(&self.key, text.as_bytes())
    }
}

/// Characters drawn from a hash: for the same text always the same ones.
struct Chance<'a> {
    scrubber: &'a Scrubber,
    text: &'a str,
    block: Vec<u8>,
    drawn: usize,
}

impl<'a> Chance<'a> {
    fn new(scrubber: &'a Scrubber, text: &'a str) -> Chance<'a> {
        Chance { scrubber, text, block: Vec::new(), drawn: 0 }
    }

    fn of(&mut self, letters: &[u8]) -> char {
        let at = self.drawn % 32;
        if at == 0 {
            self.block = self.scrubber.hash(&format!("{} {}", self.drawn, self.text));
        }
        self.drawn += 1;
        char::from(letters[usize::from(self.block[at]) % letters.len()])
    }
}

/// Letters in place of letters, noughts in place of digits; spaces and punctuation stay.
pub(super) fn lorem(text: &str) -> String {
    let mut at = 0;
    let mut scrubbed = String::with_capacity(text.len());
    for c in text.chars() {
        scrubbed.push(lorem_char(c, at));
        at = if c.is_alphanumeric() { at + 1 } else { 0 };
    }
    scrubbed
}

/// A character that takes as many bytes and counts as much wherever texts are counted.
fn lorem_char(c: char, at: usize) -> char {
    let letter = char::from(LETTERS[at % LETTERS.len()]);
    match c {
        'a'..='z' => letter,
        'A'..='Z' => letter.to_ascii_uppercase(),
        '0'..='9' => '0',
        // What joins pictographs says nothing, and without it one would become several.
        '\u{200d}' | '\u{fe0f}' => c,
        _ if c.is_ascii() || c.is_whitespace() => c,
        _ => ['é', '☂', '🐦'][c.len_utf8() - 2],
    }
}

/// Whether a name ends as those of files do.
fn is_ending(ending: &str) -> bool {
    ENDINGS.contains(&ending.to_ascii_lowercase().as_str())
}

/// Short, and without anything that could name a person.
fn is_protocol(value: &str) -> bool {
    let figures = value.bytes().filter(u8::is_ascii_digit).count();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./ +;:=,".contains(c);
    value.len() <= 64 && figures < 7 && value.chars().all(plain)
}

/// Seconds, milliseconds, or a date as providers write them.
fn is_time(value: &str) -> bool {
    const MONTHS: &str = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec";
    const OTHERS: &str = "Mon Tue Wed Thu Fri Sat Sun T Z GMT UTC";
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        let since_1970 = value.starts_with('1') && [10, 13].contains(&value.len());
        return since_1970 || (value.starts_with("20") && value.len() == 14);
    }
    let mut words = value.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    let is_one = |names: &str, word: &str| names.split(' ').any(|name| name == word);
    let named = words.clone().any(|word| is_one(MONTHS, word)) || value.starts_with("20");
    let figures = value.chars().all(|c| c.is_ascii_alphanumeric() || " +-:.,()".contains(c));
    named && figures && value.len() <= 40 && words.all(|word| is_one(MONTHS, word) || is_one(OTHERS, word))
}

impl Rewrite for &Scrubber {
    fn key(&mut self, key: &str) -> String {
        let longest = key.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.$[]#".contains(c);
        let named = key.len() <= 64 && longest < 6 && key.chars().all(plain);
        if named && !self.known.values.contains_key(key) { key.to_owned() } else { self.free(key) }
    }

    fn text(&mut self, path: &[String], text: &str) -> String {
        self.value(path.last().map_or("", String::as_str), text)
    }

    fn number(&mut self, path: &[String], raw: &str) -> String {
        let name = path.last().map(|name| name.to_ascii_lowercase()).unwrap_or_default();
        if let Some((_, place)) = COORDINATES.iter().find(|(coordinate, _)| *coordinate == name) {
            return (*place).to_owned();
        }
        let time = TIMES.contains(&name.as_str()) && is_time(raw.split('.').next().unwrap_or_default());
        let figures = raw.bytes().filter(u8::is_ascii_digit).count();
        // Meta's error codes have seven figures.
        let small = figures < 7 || (figures == 7 && PROTOCOL.contains(&name.as_str()));
        if time || small {
            return raw.to_owned();
        }
        let whole = raw.bytes().all(|byte| byte.is_ascii_digit());
        if whole { self.digits(raw) } else { "0.5".to_owned() }
    }

    fn file(&mut self, content: &[u8]) -> Vec<u8> {
        stand_in(content)
    }
}

/// A file of the same kind, as far as its first bytes say one, with nothing in it.
pub(super) fn stand_in(content: &[u8]) -> Vec<u8> {
    if content.is_empty() {
        return Vec::new();
    }
    const KINDS: [&[u8]; 8] =
        [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"GIF87a", b"%PDF-1.", b"OggS", b"ID3", b"RIFF"];
    let kind = KINDS.into_iter().find(|kind| content.starts_with(kind)).unwrap_or_default();
    [kind, b" fake file"].concat()
}
