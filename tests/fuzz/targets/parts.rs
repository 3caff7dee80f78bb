//! Any message on every channel: it is refused or cut, and a piece is not cut again.
#![no_main]

use heliograph_connectors::Registry;
use heliograph_connectors::channel::Body;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Ok(body) = serde_json::from_slice::<Body>(input) else { return };
    for kind in Registry::builtin().kinds() {
        let integration = heliograph_fuzz::integration(kind);
        let Ok(pieces) = integration.channel.parts(&body) else { continue };
        assert!(!pieces.is_empty(), "{kind} made nothing of {body:?}");
        for piece in pieces {
            let again = integration.channel.parts(&piece).map(|again| again.len());
            assert_eq!(again, Ok(1), "{kind} cuts its own piece {piece:?}");
        }
    }
});
