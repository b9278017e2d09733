//! The command line. `weir` alone is `weir serve`.
//!
//! Exit codes: 0 done; 1 the thing asked about is not well (a chain that does not verify, a check that failed); 2 the
//! command could not be carried out.

mod ask;
mod bench;
mod catalog;
mod check;
mod cleanup;
mod client;
mod credits;
mod demo;
mod explain;
mod keys;
mod lab;
mod ledger;
mod providers;
mod replay;
mod say;
mod serve;

use clap::{Args, Parser, Subcommand};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// A multi-provider AI routing proxy: one address for every model, the best one for each request, and books that can
/// be checked.
#[derive(Parser)]
#[command(name = "weir", version, about, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    serve: serve::Serve,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What every command takes.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// The configuration file [default: weir.toml if it is there; else the environment decides]
    #[arg(long, short, global = true, env = "WEIR_CONFIG")]
    pub config: Option<PathBuf>,
    /// Answer in JSON, for scripts
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Serve (the default)
    Serve(serve::Serve),
    /// Say whether the configuration can be used, and everything that is wrong with it
    Check,
    /// Ask for an answer and print it as it comes
    Ask(ask::Ask),
    /// Have a text spoken, and keep its sound
    Say(say::Say),
    /// Show the voices that can be asked for, and who has them
    Voices(say::Voices),
    /// Show which model would be chosen, and why, without asking it
    Explain(explain::Explain),
    /// Show the providers and how each is doing
    Providers(providers::Providers),
    /// Look after callers' keys
    Keys(keys::Keys),
    /// Show, give and take back an account's credit, as the operator
    Credits(credits::Credits),
    /// Throw away what is of no use any more, as the operator: never entries of the ledger
    Cleanup(cleanup::Cleanup),
    /// Look after the ledger
    Ledger(ledger::Ledger),
    /// Look after the catalogue of models and prices
    Catalog(catalog::Catalog),
    /// Measure routing policies on outcome data
    Bench(Box<bench::Bench>),
    /// Estimate what another policy would have come to, by the log of decisions
    Replay(Box<replay::Replay>),
    /// Run fake providers, with the faults a scenario asks for
    Lab(lab::Lab),
    /// Watch routing at work: fake providers, one of them failing, and some traffic
    Demo(demo::Demo),
}

/// Where this node listens and keeps its books.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// The address to listen on
    #[arg(long, env = "WEIR_LISTEN", default_value = "127.0.0.1:8787")]
    pub listen: SocketAddr,
    /// The ledger's file
    #[arg(long, env = "WEIR_DATA", default_value = "weir.db")]
    pub data: PathBuf,
    /// Makes every decision reproducible
    #[arg(long, env = "WEIR_SEED")]
    pub seed: Option<u64>,
    /// Threads that serve [default: one for each core]
    #[arg(long, env = "WEIR_CORES")]
    pub cores: Option<usize>,
}

/// Why a command ended as it did, for the exit code.
#[derive(Debug)]
pub enum Failure {
    /// What was asked about is not well. It has been said already.
    Unwell,
    /// The command could not be carried out.
    Cannot(String),
}

impl<E: fmt::Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Cannot(error.to_string())
    }
}

pub type Done = Result<(), Failure>;

pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let common = cli.common;
    let done = match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(command) => command.run(&common),
        Command::Check => check::run(&common),
        Command::Ask(command) => command.run(&common),
        Command::Say(command) => command.run(&common),
        Command::Voices(command) => command.run(&common),
        Command::Explain(command) => command.run(&common),
        Command::Providers(command) => command.run(&common),
        Command::Keys(command) => command.run(&common),
        Command::Credits(command) => command.run(&common),
        Command::Cleanup(command) => command.run(&common),
        Command::Ledger(command) => command.run(&common),
        Command::Catalog(command) => command.run(&common),
        Command::Bench(command) => command.run(&common),
        Command::Replay(command) => command.run(&common),
        Command::Lab(command) => command.run(),
        Command::Demo(command) => command.run(&common),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Unwell) => ExitCode::from(1),
        Err(Failure::Cannot(why)) => {
            eprintln!("weir: {why}");
            ExitCode::from(2)
        }
    }
}

/// Prints a line for people or scripts. A closed pipe ends the program quietly.
pub fn say(text: impl fmt::Display) {
    use std::io::Write;
    if writeln!(std::io::stdout(), "{text}").is_err() {
        std::process::exit(0);
    }
}
