//! What a provider answered, in the words of a timeline.

use std::time::Duration;

use heliograph_connectors::channel::ChannelError;

/// Characters of a provider's answer that the story of a delivery keeps.
const ANSWER_MAX: usize = 160;

/// A provider's answer in one short line: its own code where it has one, and its words.
pub fn answer_in_words(failure: &ChannelError) -> String {
    let words = failure.detail.split_whitespace().collect::<Vec<_>>().join(" ");
    let words: String = words.chars().take(ANSWER_MAX).collect();
    match &failure.provider_code {
        Some(code) => format!("{code}: {words}"),
        None => words,
    }
}

/// The same, and how long that is a reason to wait.
pub fn wait_in_words(pause: Duration, failure: &ChannelError) -> String {
    format!("waits {:.1}s: {}", pause.as_secs_f64(), answer_in_words(failure))
}
