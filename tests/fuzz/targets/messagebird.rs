//! Hooks of the channel `messagebird`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| heliograph_fuzz::hook("messagebird", input));
