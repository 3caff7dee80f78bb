//! Hooks of the channel `whatsapp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| heliograph_fuzz::hook("whatsapp", input));
