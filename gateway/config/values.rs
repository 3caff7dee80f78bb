//! Values as people write them: durations, sizes, and text with `${ENV}` in it.

use std::time::Duration;

/// `250ms`, `20s`, `5m`, `72h`, `30d`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.checked_mul(millis)?))
}

/// `100kB`, `4MiB`, or a plain number of bytes.
pub(super) fn size(text: &str) -> Option<usize> {
    let (number, unit) = split(text)?;
    let bytes: u64 = match unit {
        "" | "B" => 1,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return None,
    };
    usize::try_from(number.checked_mul(bytes)?).ok()
}

fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim_start()))
}

/// Puts environment variables in: `${NAME}` must be set, `${NAME:-default}` need not be.
pub(super) fn interpolate(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        out.push_str(&rest[..start]);
        let inner = &rest[start + 2..];
        let Some(end) = inner.find('}') else {
            return Err("has `${` without `}`".into());
        };
        let (name, default) = match inner[..end].split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (&inner[..end], None),
        };
        match env(name).or_else(|| default.map(str::to_owned)) {
            Some(value) => out.push_str(&value),
            None => return Err(format!("needs the environment variable {name}")),
        }
        rest = &inner[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_read_as_written() {
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("30d"), Some(Duration::from_secs(30 * 86_400)));
        assert_eq!((duration("5"), duration("fast"), duration("")), (None, None, None));
        assert_eq!((size("100kB"), size("4MiB"), size("17")), (Some(100_000), Some(4 << 20), Some(17)));
        assert_eq!(size("4 parsecs"), None);
    }

    #[test]
    fn the_environment_is_put_in() {
        let env = |name: &str| (name == "HOME").then(|| "/root".to_owned());
        assert_eq!(interpolate("a ${HOME} b", &env), Ok("a /root b".into()));
        assert_eq!(interpolate("${NONE:-x}${HOME}", &env), Ok("x/root".into()));
        assert_eq!(interpolate("${NONE}", &env), Err("needs the environment variable NONE".into()));
        assert!(interpolate("${HOME", &env).is_err());
    }
}
