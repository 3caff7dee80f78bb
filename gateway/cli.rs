//! The command line: what each command does, and nothing of how.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use heliograph_connectors::Registry;
use heliograph_connectors::channel::testing;

use crate::config::{Config, Known};
use crate::model::KeyScope;
use crate::wire;
use crate::{commands, run, telemetry};
#[cfg(feature = "sim")]
use crate::{config::LogFormat, demo};

/// What is logged unless `HELIOGRAPH_LOG` says otherwise.
const LOGGED: &str = "info";

/// The same for the demo. That it runs on a simulator is no news there.
#[cfg(feature = "sim")]
const DEMO_LOGGED: &str = "warn,heliograph::run=error";

/// A channel connector gateway and notification service.
#[derive(Debug, Parser)]
#[command(name = "heliograph", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[expect(clippy::large_enum_variant, reason = "there is one per process")]
#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway (what happens without a command).
    Serve(Serve),
    /// Report every problem of a configuration with its path.
    Check(File),
    /// Run the provider simulator alone, for the integrations of a configuration.
    #[cfg(feature = "sim")]
    Sim(File),
    /// Show a notification on each channel and all that follows, on the simulator.
    #[cfg(feature = "sim")]
    Demo,
    /// Play recorded provider traffic through its connector and say what it means.
    Replay {
        /// Fixture folders, or folders of such.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    #[command(flatten)]
    Ask(commands::Command),
}

#[derive(Debug, clap::Args)]
struct Serve {
    #[command(flatten)]
    file: File,
    /// Ignore `[sim]`: no simulator is started.
    #[arg(long)]
    no_sim: bool,
    /// Write tapes of what providers say to this folder, with all that is private replaced.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct File {
    /// The configuration.
    #[arg(long, default_value = "config.toml")]
    config: PathBuf,
}

/// Runs the command line with these channels. What `main` of any gateway calls.
pub fn cli(registry: Registry) -> ExitCode {
    let arguments = Arguments::parse();
    let command = arguments.command.unwrap_or(Command::Serve(arguments.serve));
    let done = match command {
        Command::Serve(serve) => self::serve(serve, registry),
        Command::Check(file) => {
            read(&file.config, &registry).map(|_| println!("{}: ok", file.config.display()))
        }
        #[cfg(feature = "sim")]
        Command::Sim(file) => {
            telemetry::start(LogFormat::Text, LOGGED);
            read(&file.config, &registry).and_then(|config| run::simulate(config, registry))
        }
        #[cfg(feature = "sim")]
        Command::Demo => demonstrate(registry),
        Command::Replay { paths } => replay(&paths, &registry),
        Command::Ask(command) => match commands::run(&command, |path| place(path, &registry)) {
            Ok(false) => return ExitCode::FAILURE,
            asked => asked.map(drop),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn serve(Serve { file, no_sim, record }: Serve, registry: Registry) -> Result<(), String> {
    let mut config = read(&file.config, &registry)?;
    telemetry::start(config.log, LOGGED);
    if no_sim || cfg!(not(feature = "sim")) {
        config.sim = None;
    }
    run::serve(config, file.config, registry, record)
}

/// Where the gateway of a configuration is asked, with the account's key.
fn place(path: &Path, registry: &Registry) -> Result<commands::Place, String> {
    let config = read(path, registry)?;
    let account = config.keys.iter().find(|key| key.scope == KeyScope::Account);
    let account = account.ok_or("the configuration has no account key")?;
    Ok(commands::Place {
        admin: config.server.admin,
        key: (account.id.clone(), account.secret.expose().to_owned()),
        apps: config.tenants.iter().map(|tenant| tenant.app.id.to_string()).collect(),
    })
}

/// Reads a configuration file; the error lists every problem.
pub(crate) fn read(path: &Path, registry: &Registry) -> Result<Config, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    parse(&text, registry)
}

fn parse(text: &str, registry: &Registry) -> Result<Config, String> {
    let env = |name: &str| std::env::var(name).ok();
    Config::parse(text, &env, Known { registry, triggers: wire::triggers_of }).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        lines.join("\n")
    })
}

/// A gateway, the simulator and a webhook's receiver for as long as the demo takes, with a store that goes with it.
#[cfg(feature = "sim")]
fn demonstrate(registry: Registry) -> Result<(), String> {
    telemetry::start(LogFormat::Text, DEMO_LOGGED);
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let mut config = parse(&demo::config(), &registry)?;
    config.store.url = format!("embedded:{}", folder.path().display());
    run::visited(config, registry, async |at| {
        demo::play(&at.api, &at.admin, at.sim.as_deref().unwrap_or_default()).await
    })
}

fn replay(paths: &[PathBuf], registry: &Registry) -> Result<(), String> {
    let mut failed = 0;
    for path in paths {
        for case in testing::cases(path)? {
            match testing::play(&case, registry) {
                Ok(played) => println!("{played}"),
                Err(error) => {
                    println!("{error}");
                    failed += 1;
                }
            }
        }
    }
    if failed == 0 { Ok(()) } else { Err(format!("{failed} could not be played")) }
}
