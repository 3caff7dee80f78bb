//! Telephone numbers as the platform keeps them: E.164 with a plus sign.

use super::InvalidDestination;

/// The number in canonical form: `+1 (514) 555-0100` is `+15145550100`.
///
/// The plus sign is required, because digits alone do not say whether a country code is among them.
pub fn e164(given: &str) -> Result<String, InvalidDestination> {
    let refused = || {
        InvalidDestination(format!(
            "`{given}` is not a phone number: expected + and the country code, then 7 to 15 digits in all, \
             such as +15145550100"
        ))
    };
    let digits: String = given
        .trim()
        .strip_prefix('+')
        .ok_or_else(refused)?
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '(' | ')'))
        .collect();
    let plausible = digits.bytes().all(|byte| byte.is_ascii_digit())
        && (7..=15).contains(&digits.len())
        && !digits.starts_with('0');
    if plausible { Ok(format!("+{digits}")) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::e164;

    #[test]
    fn spellings_of_one_number_are_one_number() {
        for spelling in ["+15145550100", "+1 514-555-0100", "+1 (514) 555-0100", " +15145550100 "] {
            assert_eq!(e164(spelling).as_deref(), Ok("+15145550100"), "{spelling}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for other in [
            "",
            "15145550100",
            "514 555 0100",
            "12345",
            "+12345",
            "+0145550100",
            "+1514555010o",
            "+",
            "++1514555",
        ] {
            assert!(e164(other).is_err(), "{other}");
        }
        assert!(e164(&format!("+1{}", "5".repeat(15))).is_err());
    }
}
