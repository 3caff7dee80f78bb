//! The channel's own tapes, played by the runner that the contract crate brings along.

use std::path::Path;

use heliograph_connectors::Registry;
use heliograph_connectors::channel::testing::{cases, play};

#[test]
fn every_tape_plays_as_expected() {
    let registry = Registry::default().with("pigeon", pigeon::build);
    let cases = cases(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")).expect("a folder of cases");
    assert!(!cases.is_empty(), "no cases");
    for case in cases {
        let played = play(&case, &registry).expect("a case that can be played");
        let result = match std::env::var_os("HELIOGRAPH_BLESS") {
            Some(_) => played.bless(),
            None => played.check(),
        };
        if let Err(difference) = result {
            panic!("{}: {difference}", case.display());
        }
    }
}
