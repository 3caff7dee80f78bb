//! How many SMS a text takes: GSM 03.38 where every character is in it, UTF-16 otherwise.

/// Characters of one septet.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                     ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// Characters of two septets.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// The number of segments; none for an empty text.
pub(super) fn segments(text: &str) -> usize {
    let septets: Option<Vec<usize>> = text.chars().map(septets).collect();
    match septets {
        Some(units) => parts(&units, 160, 153),
        None => parts(&text.chars().map(char::len_utf16).collect::<Vec<_>>(), 70, 67),
    }
}

/// Whether a text needs no more than the GSM alphabet.
pub(super) fn is_gsm(text: &str) -> bool {
    text.chars().all(|character| septets(character).is_some())
}

fn septets(character: char) -> Option<usize> {
    if BASIC.contains(character) {
        return Some(1);
    }
    EXTENSION.contains(character).then_some(2)
}

/// A character of two units is never split over parts, so this may be more than the quotient.
fn parts(units: &[usize], single: usize, part: usize) -> usize {
    let total: usize = units.iter().sum();
    if total <= single {
        return total.min(1);
    }
    let (mut count, mut used) = (1, 0);
    for unit in units {
        if used + unit > part {
            count += 1;
            used = 0;
        }
        used += unit;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::segments;

    #[test]
    fn segments_are_counted_as_carriers_do() {
        for (text, expected) in [
            (String::new(), 0),
            ("a".repeat(160), 1),
            ("a".repeat(161), 2),
            ("a".repeat(306), 2),
            ("a".repeat(307), 3),
            ("€".repeat(80), 1),
            ("€".repeat(81), 2),
            (format!("{}{}", "a".repeat(152), "€".repeat(77)), 3),
            ("ж".repeat(70), 1),
            ("ж".repeat(71), 2),
            ("👍".repeat(35), 1),
            ("👍".repeat(67), 3),
            ("`".repeat(71), 2),
        ] {
            assert_eq!(segments(&text), expected, "{} characters", text.chars().count());
        }
    }
}
