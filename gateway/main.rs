//! The gateway with every connector compiled in.

use std::process::ExitCode;

use heliograph_connectors::Registry;

fn main() -> ExitCode {
    heliograph::cli(Registry::builtin())
}
