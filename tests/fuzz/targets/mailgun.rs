//! Hooks of the channel `mailgun`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| heliograph_fuzz::hook("mailgun", input));
