//! What an operator asks a running gateway: each command is a few calls to its admin socket and a page of text.

mod ask;
mod door;
mod show;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

/// What can be asked.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what became of a notification, or of a message's delivery.
    Trace {
        /// The notification's id, or the message's.
        id: String,
        #[command(flatten)]
        at: At,
    },
    /// List the webhooks that were given up, or send them again.
    Deadletters(DeadLetters),
    /// Show that what was accepted adds up; exit 1 if it does not.
    Audit {
        #[command(flatten)]
        at: At,
    },
    /// List the sends whose outcome is unknown and held, or decide one.
    Unknown(Unknown),
    /// Let an integration send nothing until it is resumed.
    Pause {
        /// Which.
        integration: String,
        #[command(flatten)]
        at: At,
    },
    /// Let a paused integration send again.
    Resume {
        /// Which.
        integration: String,
        #[command(flatten)]
        at: At,
    },
    /// Show how fast an integration may go, or change it.
    Limits(Limits),
    /// Let what was deleted leave the files of the store; exit 1 if somebody is still being erased.
    Compact {
        #[command(flatten)]
        at: At,
    },
}

/// Whom to ask, and how to print the answer.
#[derive(Debug, Args)]
pub(crate) struct At {
    /// The configuration of the gateway that is asked.
    #[arg(long, value_name = "FILE", default_value = "config.toml")]
    config: PathBuf,
    /// Only this app, instead of each app of the configuration.
    #[arg(long, value_name = "ID")]
    app: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct DeadLetters {
    #[command(subcommand)]
    act: Option<DeadLettersAct>,
    #[command(flatten)]
    list: DeadLettersList,
}

#[derive(Debug, Subcommand)]
enum DeadLettersAct {
    /// List them, oldest first (what happens without a word).
    List(DeadLettersList),
    /// Send some again: by their ids, or all of a webhook.
    Replay(DeadLettersReplay),
}

#[derive(Debug, Args)]
struct DeadLettersList {
    /// Only this webhook's.
    #[arg(long, value_name = "ID")]
    webhook: Option<String>,
    /// Given up at or after this time (ISO 8601).
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Given up before this time.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, Args)]
struct DeadLettersReplay {
    /// Which.
    #[arg(value_name = "ID", required_unless_present = "webhook", conflicts_with = "webhook")]
    ids: Vec<String>,
    /// All of this webhook.
    #[arg(long, value_name = "ID")]
    webhook: Option<String>,
    /// Of these, only those given up at or after this time (ISO 8601).
    #[arg(long, value_name = "TIME", requires = "webhook")]
    from: Option<String>,
    /// Only those given up before this time.
    #[arg(long, value_name = "TIME", requires = "webhook")]
    to: Option<String>,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Unknown {
    #[command(subcommand)]
    act: Option<UnknownAct>,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, Subcommand)]
enum UnknownAct {
    /// List them (what happens without a word).
    List {
        #[command(flatten)]
        at: At,
    },
    /// Send one again: the person may get it twice.
    Resend {
        /// Which.
        id: String,
        #[command(flatten)]
        at: At,
    },
    /// Call one failed: the person may have got it.
    Fail {
        /// Which.
        id: String,
        #[command(flatten)]
        at: At,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Limits {
    /// Which.
    integration: String,
    /// Messages a second in the long run.
    #[arg(long, value_name = "N")]
    per_second: Option<f64>,
    /// Messages in any 24 hours.
    #[arg(long, value_name = "N")]
    per_day: Option<u64>,
    /// Messages that may leave at once after a pause.
    #[arg(long, value_name = "N")]
    burst: Option<u32>,
    #[command(flatten)]
    at: At,
}

/// A running gateway, as its configuration describes it.
#[derive(Debug)]
pub(crate) struct Place {
    /// Where its admin socket listens.
    pub(crate) admin: SocketAddr,
    /// The account's key and its secret.
    pub(crate) key: (String, String),
    /// Its apps' ids.
    pub(crate) apps: Vec<String>,
}

/// Asks, and prints the answer. Whether all is as it should be; an error is one line.
pub(crate) fn run(
    command: &Command,
    place: impl FnOnce(&Path) -> Result<Place, String>,
) -> Result<bool, String> {
    let at = command.at();
    let place = place(&at.config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let answer = runtime.map_err(|error| error.to_string())?.block_on(ask::ask(command, place))?;
    match at.json {
        true => println!("{:#}", answer.json),
        false => print!("{}", answer.text),
    }
    Ok(answer.is_well)
}

impl Command {
    fn at(&self) -> &At {
        match self {
            Command::Trace { at, .. }
            | Command::Audit { at }
            | Command::Pause { at, .. }
            | Command::Resume { at, .. }
            | Command::Compact { at } => at,
            Command::Limits(limits) => &limits.at,
            Command::Deadletters(letters) => match &letters.act {
                None => &letters.list.at,
                Some(DeadLettersAct::List(list)) => &list.at,
                Some(DeadLettersAct::Replay(replay)) => &replay.at,
            },
            Command::Unknown(unknown) => match &unknown.act {
                None => &unknown.at,
                Some(
                    UnknownAct::List { at } | UnknownAct::Resend { at, .. } | UnknownAct::Fail { at, .. },
                ) => at,
            },
        }
    }
}
