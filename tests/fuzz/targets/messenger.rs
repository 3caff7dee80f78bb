//! Hooks of the channel `messenger`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| heliograph_fuzz::hook("messenger", input));
