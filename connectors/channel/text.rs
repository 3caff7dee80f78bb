//! Text for channels that carry little else: what rich content reads like, how long it is on the air, and
//! where it is cut.

use std::fmt::Write;

use unicode_segmentation::UnicodeSegmentation;

use super::{Action, Answer, Answered, ChannelError, Content, Item};

/// The content as one text, for a channel that cannot carry it as it is; `Err` for a form, which no text can
/// replace, and for its answers, which go to the business alone.
///
/// Buttons with an address become lines `{label}: {uri}`, all others their label alone.
pub fn fallback(content: &Content) -> Result<String, ChannelError> {
    match content {
        Content::Text { text, actions } => Ok(with_actions(text, actions)),
        Content::Image { media_url, text, actions, .. } => {
            let linked = join_lines([text.as_deref().unwrap_or_default(), media_url]);
            Ok(with_actions(&linked, actions))
        }
        Content::File { media_url, text, .. } => {
            Ok(join_lines([text.as_deref().unwrap_or_default(), media_url]))
        }
        Content::Location { lat, long, .. } => Ok(location(*lat, *long)),
        Content::Carousel { items: all, .. } | Content::List { items: all, .. } => Ok(items(all)),
        Content::Form { .. } | Content::FormResponse { .. } => Err(ChannelError::unsupported(content.kind())),
    }
}

/// A text followed by its buttons, one a line.
pub fn with_actions(text: &str, actions: &[Action]) -> String {
    let labels = actions.iter().filter_map(label);
    join_lines(std::iter::once(text.to_owned()).chain(labels))
}

/// The text form of a list or carousel: numbered items with a blank line between them.
pub fn items(items: &[Item]) -> String {
    let numbered = items.iter().enumerate().map(|(index, each)| item(index + 1, each));
    numbered.collect::<Vec<_>>().join("\n\n")
}

/// The text form of a place.
pub fn location(lat: f64, long: f64) -> String {
    format!("Location shared:\nhttps://maps.google.com/maps?q={lat},{long}")
}

/// The text form of a filled-in form: a line `{label}: {answer}` per question.
pub fn answers(answers: &[Answer]) -> String {
    let line = |answer: &Answer| match &answer.given {
        Answered::Text { text } => format!("{}: {text}", answer.label),
        Answered::Email { email } => format!("{}: {email}", answer.label),
        Answered::Select { select } => {
            let chosen: Vec<&str> = select.iter().map(|choice| choice.label.as_str()).collect();
            format!("{}: {}", answer.label, chosen.join(", "))
        }
    };
    answers.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Title, description, links. The line break after the description stands even when no link follows: that is
/// how the platform has always written it.
fn item(number: usize, item: &Item) -> String {
    let mut form = format!("{number}. {}\n", item.title);
    if let Some(description) = &item.description {
        let _ = writeln!(form, "{description}");
    }
    form += &item.actions.iter().filter_map(link).collect::<Vec<_>>().join("\n");
    form
}

/// A button that leads somewhere: `{label}: {uri}`.
fn link(action: &Action) -> Option<String> {
    match action {
        Action::Link { text, uri, .. } => Some(format!("{text}: {uri}")),
        Action::Webview { text, fallback, .. } => Some(format!("{text}: {fallback}")),
        _ => None,
    }
}

/// Any button as a line of text; sharing has no label and leaves none.
fn label(action: &Action) -> Option<String> {
    match action {
        Action::Link { .. } | Action::Webview { .. } => link(action),
        Action::Buy { text, .. }
        | Action::Postback { text, .. }
        | Action::Reply { text, .. }
        | Action::LocationRequest { text, .. } => Some(text.clone()),
        Action::Share { .. } => None,
    }
}

fn join_lines<S: AsRef<str>>(lines: impl IntoIterator<Item = S>) -> String {
    let mut joined = String::new();
    for line in lines.into_iter().filter(|line| !line.as_ref().is_empty()) {
        if !joined.is_empty() {
            joined.push('\n');
        }
        joined.push_str(line.as_ref());
    }
    joined
}

/// What a provider counts when it limits the length of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Unicode scalar values.
    Char,
    /// UTF-16 code units: an emoji is two.
    Utf16,
    /// UTF-8 bytes.
    Byte,
    /// SMS segments, see [`segments`].
    Segment,
}

impl Unit {
    /// How long a text is. Never shrinks when the text grows.
    pub fn measure(self, text: &str) -> usize {
        match self {
            Unit::Char => text.chars().count(),
            Unit::Utf16 => text.encode_utf16().count(),
            Unit::Byte => text.len(),
            Unit::Segment => segments(text).count,
        }
    }

    /// More graphemes than this never fit in `limit` units.
    fn most_graphemes(self, limit: usize) -> usize {
        match self {
            Unit::Char | Unit::Utf16 | Unit::Byte => limit,
            Unit::Segment => limit.saturating_mul(Alphabet::Gsm7.single()),
        }
    }
}

/// Cuts a text into pieces of at most `limit` units that together are the text, after whitespace where there
/// is some. A grapheme is cut only when it alone exceeds the limit, a character never, so a `limit` must
/// leave room for one character (4 bytes).
pub fn split(text: &str, limit: usize, unit: Unit) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, remainder) = rest.split_at(cut(rest, limit, unit));
        pieces.push(piece);
        rest = remainder;
    }
    pieces
}

/// Where the first piece of a non-empty text ends.
fn cut(text: &str, limit: usize, unit: Unit) -> usize {
    let fits = |end: &usize| unit.measure(&text[..*end]) <= limit;
    let graphemes: Vec<(usize, &str)> =
        text.grapheme_indices(true).take(unit.most_graphemes(limit).saturating_add(1)).collect();
    let ends: Vec<usize> = graphemes.iter().map(|(start, grapheme)| start + grapheme.len()).collect();

    let fitting = ends.partition_point(fits);
    if fitting == 0 {
        let chars: Vec<usize> = text.char_indices().map(|(start, c)| start + c.len_utf8()).collect();
        return chars[chars.partition_point(fits).max(1) - 1];
    }
    let whole = ends[fitting - 1];
    if whole == text.len() {
        return whole;
    }
    let is_space = |(_, grapheme): &(usize, &str)| grapheme.chars().all(char::is_whitespace);
    graphemes[..fitting].iter().rposition(is_space).map_or(whole, |space| ends[space])
}

/// The alphabet an SMS travels in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// The GSM 03.38 alphabet with its extension, 7 bits a unit.
    Gsm7,
    /// UTF-16, for a text that holds anything else.
    Ucs2,
}

/// GSM 03.38, basic set, without the escape character.
const GSM7_BASIC: &str = "\n\r !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz\
    ¡£¤¥§¿ÄÅÆÇÉÑÖØÜßàäåæèéìñòöøùüΓΔΘΛΞΠΣΦΨΩ";
/// GSM 03.38, extension set: each is sent after an escape and so costs two units.
const GSM7_EXTENSION: &str = "\u{c}[\\]^{|}~€";

impl Alphabet {
    /// The alphabet this text needs.
    pub fn of(text: &str) -> Alphabet {
        let gsm = |c| GSM7_BASIC.contains(c) || GSM7_EXTENSION.contains(c);
        if text.chars().all(gsm) { Alphabet::Gsm7 } else { Alphabet::Ucs2 }
    }

    fn units(self, c: char) -> usize {
        match self {
            Alphabet::Gsm7 if GSM7_EXTENSION.contains(c) => 2,
            Alphabet::Gsm7 => 1,
            Alphabet::Ucs2 => c.len_utf16(),
        }
    }

    /// Units in a message that needs no more than one segment.
    fn single(self) -> usize {
        match self {
            Alphabet::Gsm7 => 160,
            Alphabet::Ucs2 => 70,
        }
    }

    /// Units in each segment of a longer message: the rest holds the header that joins them.
    fn joined(self) -> usize {
        match self {
            Alphabet::Gsm7 => 153,
            Alphabet::Ucs2 => 67,
        }
    }
}

/// What a text costs on the air.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segments {
    /// The alphabet it travels in.
    pub alphabet: Alphabet,
    /// Its length in units of that alphabet.
    pub units: usize,
    /// The segments it takes.
    pub count: usize,
}

/// Counts SMS segments. No two-unit character is torn apart, so joined segments may stay one unit short.
pub fn segments(text: &str) -> Segments {
    let alphabet = Alphabet::of(text);
    let units = text.chars().map(|c| alphabet.units(c)).sum();
    if units <= alphabet.single() {
        return Segments { alphabet, units, count: usize::from(units > 0) };
    }
    let (mut count, mut filled) = (1, 0);
    for c in text.chars() {
        let width = alphabet.units(c);
        if filled + width > alphabet.joined() {
            count += 1;
            filled = 0;
        }
        filled += width;
    }
    Segments { alphabet, units, count }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn segments_are_counted_as_carriers_count_them() {
        use Alphabet::{Gsm7, Ucs2};
        let of = |letter: &str, times| letter.repeat(times);
        for (text, alphabet, units, count) in [
            (String::new(), Gsm7, 0, 0),
            (of("x", 160), Gsm7, 160, 1),
            (of("x", 161), Gsm7, 161, 2),
            (of("x", 306), Gsm7, 306, 2),
            (of("x", 307), Gsm7, 307, 3),
            (of("x", 1377), Gsm7, 1377, 9),
            (of("x", 1378), Gsm7, 1378, 10),
            (of("x", 1530), Gsm7, 1530, 10),
            (of("x", 1600), Gsm7, 1600, 11),
            (of("€", 80), Gsm7, 160, 1),
            (of("€", 81), Gsm7, 162, 2),
            (of("x", 152) + "€" + &of("x", 153), Gsm7, 307, 3),
            (of("é", 69) + "☂", Ucs2, 70, 1),
            (of("é", 70) + "☂", Ucs2, 71, 2),
            (of("☂", 134), Ucs2, 134, 2),
            (of("☂", 135), Ucs2, 135, 3),
            (of("🐦", 35), Ucs2, 70, 1),
            (of("🐦", 36), Ucs2, 72, 2),
            (of("☂", 66) + "🐦" + &of("☂", 66), Ucs2, 134, 3),
            ("it’s raining".into(), Ucs2, 12, 1),
            ("`".to_owned() + &of("x", 100), Ucs2, 101, 2),
            ("ça va".into(), Ucs2, 5, 1),
            ("ÇA VA".into(), Gsm7, 5, 1),
            ("a\nb\r\nc".into(), Gsm7, 6, 1),
            ("{[~]}\u{c}".into(), Gsm7, 12, 1),
        ] {
            assert_eq!(segments(&text), Segments { alphabet, units, count }, "{text:?}");
        }
    }

    #[test]
    fn a_cut_prefers_whitespace_and_spares_graphemes() {
        for (text, limit, unit, pieces) in [
            ("fits", 4, Unit::Utf16, vec!["fits"]),
            ("two words", 6, Unit::Utf16, vec!["two ", "words"]),
            ("unbroken", 5, Unit::Utf16, vec!["unbro", "ken"]),
            ("👩‍🚀👩‍🚀", 9, Unit::Utf16, vec!["👩‍🚀", "👩‍🚀"]),
            ("e\u{301}\u{302}\u{303}\u{304}", 3, Unit::Char, vec!["e\u{301}\u{302}", "\u{303}\u{304}"]),
            ("a\r\nb", 3, Unit::Byte, vec!["a\r\n", "b"]),
        ] {
            assert_eq!(split(text, limit, unit), pieces);
        }
        assert_eq!(split(&"x".repeat(161), 1, Unit::Segment), ["x".repeat(160), "x".into()]);
        assert!(split("", 10, Unit::Char).is_empty());
    }

    fn content(value: serde_json::Value) -> Content {
        serde_json::from_value(value).expect("content")
    }

    #[test]
    fn items_read_as_the_platform_writes_them() {
        let list = content(json!({"type": "list", "items": [
            {"_id": "1", "title": "Tacos", "description": "Beef and cheese",
             "actions": [{"_id": "a", "type": "postback", "text": "Order", "payload": "tacos"}]},
            {"_id": "2", "title": "Burritos", "description": "Beefier",
             "actions": [{"_id": "b", "type": "link", "text": "More", "uri": "https://example.com/b"},
                         {"_id": "c", "type": "link", "text": "Less", "uri": "https://example.com/c"}]},
            {"_id": "3", "title": "Nachos", "actions": []},
        ], "actions": [{"_id": "d", "type": "link", "text": "All", "uri": "https://example.com/"}]}));
        assert_eq!(
            fallback(&list).expect("a text"),
            "1. Tacos\nBeef and cheese\n\n\n2. Burritos\nBeefier\nMore: https://example.com/b\nLess: \
             https://example.com/c\n\n3. Nachos\n"
        );
    }

    #[test]
    fn buttons_follow_their_text() {
        let text = content(json!({"type": "text", "text": "Well?", "actions": [
            {"_id": "a", "type": "reply", "text": "Yes", "payload": "y"},
            {"_id": "b", "type": "webview", "text": "See", "uri": "https://example.com/w",
             "fallback": "https://example.com/f"},
            {"_id": "c", "type": "locationRequest", "text": "Pigeons has requested a location"},
        ]}));
        assert_eq!(
            fallback(&text).expect("a text"),
            "Well?\nYes\nSee: https://example.com/f\nPigeons has requested a location"
        );
    }

    #[test]
    fn media_and_places_become_links() {
        let file = content(json!({"type": "file", "mediaUrl": "https://example.com/a.pdf", "text": "Bill"}));
        assert_eq!(fallback(&file).expect("a text"), "Bill\nhttps://example.com/a.pdf");
        let place = content(json!({"type": "location", "lat": 45.5, "long": -73.0}));
        assert_eq!(
            fallback(&place).expect("a text"),
            "Location shared:\nhttps://maps.google.com/maps?q=45.5,-73"
        );
        let form = content(json!({"type": "form", "fields": []}));
        assert_eq!(fallback(&form), Err(ChannelError::unsupported("form")));
    }

    fn units() -> impl Strategy<Value = Unit> {
        prop::sample::select(vec![Unit::Char, Unit::Utf16, Unit::Byte, Unit::Segment])
    }

    proptest! {
        #[test]
        fn pieces_are_the_text_and_within_the_limit(
            text in r"(\PC|[ \n\r]|👩‍🚀|e\u{301}|€|🇨🇦){0,300}", limit in 4_usize..200, unit in units()
        ) {
            let pieces = split(&text, limit, unit);
            prop_assert_eq!(&pieces.concat(), &text);
            for piece in pieces {
                prop_assert!(!piece.is_empty() && unit.measure(piece) <= limit);
            }
        }

        #[test]
        fn no_grapheme_is_cut_that_fits(text in r"([a-z]|👩‍🚀|e\u{301}|🇨🇦| ){0,200}", limit in 20_usize..60) {
            let whole: Vec<&str> = text.graphemes(true).collect();
            let pieces = split(&text, limit, Unit::Utf16);
            let again: Vec<&str> = pieces.iter().flat_map(|piece| piece.graphemes(true)).collect();
            prop_assert_eq!(again, whole);
        }
    }
}
