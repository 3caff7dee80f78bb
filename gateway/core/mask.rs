//! Card numbers: what people write of them is kept without all but the last four digits. Pure.

use heliograph_connectors::channel::{Answered, Content, text};

use crate::model::Tenant;

/// Digits of a card number.
const LENGTHS: std::ops::RangeInclusive<usize> = 13..=19;

/// Digits that stay.
const SHOWN: usize = 4;

impl Tenant {
    /// What a person says, as this app keeps it.
    pub(super) fn masked(&self, mut content: Content) -> Content {
        if !self.app.settings.mask_credit_card_numbers.unwrap_or(true) {
            return content;
        }
        match &mut content {
            Content::Text { text, .. } => *text = masked(text),
            Content::Image { text, alt_text, .. } | Content::File { text, alt_text, .. } => {
                for line in [text, alt_text].into_iter().flatten() {
                    *line = masked(line);
                }
            }
            Content::FormResponse { fields, text_fallback } => {
                for field in fields.iter_mut() {
                    if let Answered::Text { text } = &mut field.given {
                        *text = masked(text);
                    }
                }
                *text_fallback = text::answers(fields);
            }
            Content::Location { .. }
            | Content::Carousel { .. }
            | Content::List { .. }
            | Content::Form { .. } => {}
        }
        content
    }
}

/// A text without its card numbers: digits in one run or in groups, that a card number could be.
fn masked(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut shown, mut at) = (String::with_capacity(text.len()), 0);
    while at < bytes.len() {
        let begins = bytes[at].is_ascii_digit() && (at == 0 || !is_part_of_number(bytes[at - 1]));
        match begins.then(|| card_at(bytes, at)).flatten() {
            Some((end, last)) => {
                shown.extend(std::iter::repeat_n('*', last.len().saturating_sub(SHOWN)));
                shown.extend(last.iter().skip(last.len() - SHOWN).map(|digit| char::from(b'0' + digit)));
                at = end;
            }
            None => {
                let width = text[at..].chars().next().map_or(1, char::len_utf8);
                shown.push_str(&text[at..at + width]);
                at += width;
            }
        }
    }
    shown
}

/// Digits before it make it the rest of a longer number, a plus sign a telephone's.
fn is_part_of_number(before: u8) -> bool {
    before.is_ascii_digit() || before == b'+'
}

/// The card number that begins here, the longest if there are several: where it ends, and its digits.
fn card_at(bytes: &[u8], begin: usize) -> Option<(usize, Vec<u8>)> {
    let (mut digits, mut found, mut at) = (Vec::new(), None, begin);
    while at < bytes.len() && digits.len() < *LENGTHS.end() + 1 {
        match bytes[at] {
            digit @ b'0'..=b'9' => digits.push(digit - b'0'),
            b' ' | b'-' if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => {}
            _ => break,
        }
        at += 1;
        // Only whole groups: what goes on is another number.
        let goes_on = bytes.get(at).is_some_and(u8::is_ascii_digit);
        if bytes[at - 1].is_ascii_digit() && !goes_on && LENGTHS.contains(&digits.len()) && is_card(&digits) {
            found = Some((at, digits.clone()));
        }
    }
    found
}

/// Whether digits are those of a card: the schemes' first digits, and the check digit (ISO/IEC 7812).
fn is_card(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let doubled = u32::from(*digit) * if place % 2 == 1 { 2 } else { 1 };
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    matches!(digits.first(), Some(2..=6)) && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn card_numbers_keep_their_last_four_digits() {
        for (written, kept) in [
            ("4242424242424242", "************4242"),
            ("my card: 4242 4242 4242 4242, thanks", "my card: ************4242, thanks"),
            ("5555-5555-5555-4444 12/26", "************4444 12/26"),
            ("378282246310005 and 6011111111111117", "***********0005 and ************1117"),
            ("4242 4242 4242 4242 123", "************4242 123"),
        ] {
            assert_eq!(masked(written), kept);
        }
    }

    #[test]
    fn other_numbers_stay() {
        for text in [
            "4242424242424243",
            "+15145550148",
            "+4242424242424242",
            "14242424242424242424242424242",
            "order 1234567890123",
            "1895255200000",
            "é4",
            "",
        ] {
            assert_eq!(masked(text), text);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_what_was_masked_stays_so(text in "([0-9]{1,20}|[ +-]|[a-zé]){0,12}") {
            let once = masked(&text);
            prop_assert_eq!(masked(&once), once);
        }
    }
}
