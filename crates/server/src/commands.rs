//! The command line: what there is to do, and which exit code says how it went.

mod asking;
pub(crate) mod client;
mod config_show;
mod doctor;
mod follow;
mod generate;
mod health;
mod jobs;
mod keys;
mod migrate;
mod notifications;
mod openapi;
mod recompute;
mod rules;
mod streams;
mod table;
mod upload;
mod watch;

use std::fmt::Display;
use std::future::Future;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use self::generate::demo;
pub(crate) use self::health::reachable;
use crate::config::{Config, SettingFlags};
use crate::roles::{self, Role};

/// What a thread that is stuck in a call may still cost after everything else has ended.
const STUCK_THREADS_WAIT: Duration = Duration::from_secs(1);
/// A wrong command line, wrong settings, or anything else that kept us from beginning.
const EXIT_USAGE: u8 = 1;

/// Takes events and files over HTTP, and does the work behind them.
///
/// Without a command it serves: everything in one process, kept in ./data.
#[derive(Parser)]
#[command(name = "event-horizon", version, disable_help_subcommand = true)]
struct CommandLine {
    #[command(flatten)]
    demo: DemoFlag,
    #[command(flatten)]
    settings: SettingFlags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Args, Clone, Copy)]
struct DemoFlag {
    /// Load a month of sample data first, unless an earlier start has
    #[arg(long)]
    demo: bool,
}

#[derive(Args)]
struct ServeArguments {
    #[command(flatten)]
    demo: DemoFlag,
    #[command(flatten)]
    settings: SettingFlags,
}

#[derive(Subcommand)]
enum Command {
    /// Serve with all roles in one process (the same as no command)
    Serve(ServeArguments),
    /// Only take: HTTP, WebSockets, uploads; needs a shared queue
    Ingest(SettingFlags),
    /// Only work: apply events, import files; needs a shared queue
    Worker(SettingFlags),
    /// Bring the tables of the database up to date (`serve` does it by itself)
    Migrate(SettingFlags),
    /// Make sample data: into the configured backend, or as a file
    Generate(generate::Arguments),
    /// Upload files of log lines or events to a running server
    Upload(upload::Arguments),
    /// The jobs of uploaded files: look, follow, cancel, retry
    Jobs {
        #[command(subcommand)]
        what: jobs::What,
    },
    /// Ask a running server whether it can do its work; for health checks of containers
    Health(health::Arguments),
    /// Compare what was taken, what is stored and what is counted
    Doctor(doctor::Arguments),
    /// Build watch time anew from the stored heartbeats; servers may go on meanwhile
    Recompute(recompute::Arguments),
    /// What is watched
    Watch {
        #[command(subcommand)]
        what: watch::What,
    },
    /// Which streams run
    Streams {
        #[command(subcommand)]
        what: streams::What,
    },
    /// What somebody was told, or will be
    Notifications {
        #[command(subcommand)]
        what: notifications::What,
    },
    /// Check a file of rules, or print the default one
    Rules {
        #[command(subcommand)]
        what: rules::What,
    },
    /// API keys: make one, list them, revoke one; a server may go on meanwhile
    Keys {
        #[command(subcommand)]
        what: keys::What,
    },
    /// Show the settings
    Config {
        #[command(subcommand)]
        what: config_show::What,
    },
    /// Print the OpenAPI description of the HTTP interface
    Openapi,
    /// Print the completions of a shell, to be put where that shell looks for them
    Completions { shell: Shell },
}

pub(crate) fn run() -> ExitCode {
    install_tls();
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(refused) => return explain(&refused),
    };
    match line.run() {
        Ok(code) => code,
        Err(error) => say_error(&error),
    }
}

/// The one TLS implementation of this program; whoever calls out finds it. Nobody has installed another one before.
fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Help and version are a success; the rest is a wrong command line.
fn explain(refused: &clap::Error) -> ExitCode {
    let printed = refused.print();
    if refused.use_stderr() || printed.is_err() {
        ExitCode::from(EXIT_USAGE)
    } else {
        ExitCode::SUCCESS
    }
}

fn say_error(error: &anyhow::Error) -> ExitCode {
    say_wrong(&format_args!("error: {error:#}"));
    ExitCode::from(EXIT_USAGE)
}

/// A line of output. Whoever reads it may have read enough and gone.
pub(crate) fn say(line: &dyn Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A line about what went wrong.
fn say_wrong(line: &dyn Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

impl CommandLine {
    fn run(self) -> anyhow::Result<ExitCode> {
        let before = self.settings;
        let demo = self.demo.demo;
        anyhow::ensure!(
            !demo || matches!(self.command, None | Some(Command::Serve(_))),
            "--demo is for `serve`: the one process that has a door and does the work"
        );
        match self.command {
            None => serve(before, Role::Everything, demo),
            Some(Command::Serve(ServeArguments { demo: later, settings })) => {
                serve(before.then(&settings), Role::Everything, demo || later.demo)
            }
            Some(Command::Ingest(flags)) => serve(before.then(&flags), Role::Ingest, false),
            Some(Command::Worker(flags)) => serve(before.then(&flags), Role::Worker, false),
            Some(Command::Migrate(flags)) => migrate::run(&load(before.then(&flags))?),
            Some(Command::Generate(arguments)) => block_on(generate::run(arguments, before)),
            Some(Command::Doctor(arguments)) => block_on(doctor::run(arguments, before)),
            Some(Command::Recompute(arguments)) => block_on(recompute::run(arguments, before)),
            Some(Command::Watch { what }) => block_on(watch::run(what, before)),
            Some(Command::Streams { what }) => block_on(streams::run(what, before)),
            Some(Command::Notifications { what }) => block_on(notifications::run(what, before)),
            Some(Command::Rules { what }) => rules::run(&what),
            Some(Command::Upload(arguments)) => block_on(upload::run(arguments, before)),
            Some(Command::Jobs { what }) => block_on(jobs::run(what, before)),
            Some(Command::Health(arguments)) => block_on(health::run(arguments, before)),
            Some(Command::Keys { what }) => keys::run(what, before),
            Some(Command::Config { what }) => config_show::run(what, before),
            Some(Command::Openapi) => openapi::run(),
            Some(Command::Completions { shell }) => Ok(completions(shell)),
        }
    }
}

fn load(flags: SettingFlags) -> anyhow::Result<Config> {
    Ok(Config::load(&flags.into_sources())?)
}

fn serve(flags: SettingFlags, role: Role, demo: bool) -> anyhow::Result<ExitCode> {
    let config = load(flags)?;
    block_on(roles::run(role, config, demo)).map(|()| ExitCode::SUCCESS)
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no threads to work with")?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_timeout(STUCK_THREADS_WAIT);
    outcome
}

fn completions(shell: Shell) -> ExitCode {
    let mut command = CommandLine::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    say(&String::from_utf8_lossy(&script).trim_end());
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        CommandLine::command().debug_assert();
    }
}
