//! Hooks of the channel `twilio`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| heliograph_fuzz::hook("twilio", input));
