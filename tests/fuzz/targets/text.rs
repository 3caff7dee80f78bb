//! Cutting a text: nothing is lost, no piece is too long, and no grapheme is torn that fits.
#![no_main]

use std::collections::BTreeSet;

use heliograph_connectors::channel::text::{Unit, split};
use unicode_segmentation::UnicodeSegmentation;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let [unit, high, low, text @ ..] = input else { return };
    let unit = [Unit::Char, Unit::Utf16, Unit::Byte, Unit::Segment][usize::from(unit % 4)];
    let limit = 4 + usize::from(u16::from_be_bytes([*high, *low]) % 2000);
    let text = String::from_utf8_lossy(text);
    let pieces = split(&text, limit, unit);
    assert_eq!(pieces.concat(), text, "something was lost");
    let whole: BTreeSet<usize> = text.grapheme_indices(true).map(|(at, _)| at).chain([text.len()]).collect();
    let fits = |at: usize| {
        let grapheme =
            text.grapheme_indices(true).find(|(start, one)| (start + 1..start + one.len()).contains(&at));
        grapheme.is_none_or(|(_, one)| unit.measure(one) <= limit)
    };
    let mut at = 0;
    for piece in pieces {
        assert!(!piece.is_empty() && unit.measure(piece) <= limit, "{piece:?} is empty or too long");
        at += piece.len();
        assert!(whole.contains(&at) || !fits(at), "a grapheme was torn at {at} of {text:?}");
    }
});
