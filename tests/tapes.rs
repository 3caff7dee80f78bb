//! Every folder under `fixtures/*/{inbound,outbound}` is one test: recorded provider traffic played through
//! its connector. `HELIOGRAPH_BLESS=1` rewrites the expected files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use heliograph_connectors::Registry;
use heliograph_connectors::channel::testing::{capabilities, cases, play};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let bless = std::env::var_os("HELIOGRAPH_BLESS").is_some();
    let mut trials: Vec<Trial> = tapes(&fixtures)
        .unwrap_or_else(|problem| panic!("{problem}"))
        .into_iter()
        .map(|case| Trial::test(name(&fixtures, &case), move || test(&case, bless).map_err(Failed::from)))
        .collect();
    for kind in Registry::builtin().kinds() {
        let folder = fixtures.join(kind);
        let proof = move || prove_claims(&folder).map_err(Failed::from);
        trials.push(Trial::test(format!("{kind}::proves_what_it_claims"), proof));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// All cases of all channels; none at all is a mistake of this test, not a success.
fn tapes(fixtures: &Path) -> Result<Vec<PathBuf>, String> {
    let mut tapes = cases(fixtures)?;
    tapes.retain(|case| {
        case.parent().is_some_and(|parent| parent.ends_with("inbound") || parent.ends_with("outbound"))
    });
    if tapes.is_empty() { Err(format!("no cases in {}", fixtures.display())) } else { Ok(tapes) }
}

/// `fixtures/twilio/inbound/sms_text` is `twilio::inbound::sms_text`.
fn name(fixtures: &Path, case: &Path) -> String {
    let path = case.strip_prefix(fixtures).unwrap_or(case);
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("::")
}

fn test(case: &Path, bless: bool) -> Result<(), String> {
    let played = play(case, &Registry::builtin())?;
    if bless { played.bless() } else { played.check() }
}

/// A connector's `native` content kinds are true only as far as a fixture sends or receives them, and every
/// connector shows that it refuses a forged hook and survives a kind of event it does not know.
fn prove_claims(channel: &Path) -> Result<(), String> {
    let registry = Registry::builtin();
    let mut sent = BTreeSet::new();
    for case in cases(&channel.join("outbound"))? {
        sent.extend(play(&case, &registry)?.content_sent());
    }
    let mut results = String::new();
    for case in cases(&channel.join("inbound"))? {
        results += &play(&case, &registry)?.to_string();
    }
    let claimed = capabilities(channel, &registry)?.native;
    if let Some(kind) = claimed.iter().find(|kind| !sent.contains(**kind)) {
        return Err(format!("{kind} is called native, but no fixture sends one"));
    }
    for proof in ["forged: ", "unrecognised: "] {
        if !results.contains(proof) {
            return Err(format!("no inbound fixture shows `{proof}…`"));
        }
    }
    Ok(())
}
