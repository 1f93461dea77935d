//! The binary `millstream-kernel`: a session behind the Jupyter protocol. It knows the session, sockets and
//! messages; it knows no terminal and nothing of how queries are planned or run.

mod answers;
mod bundle;
mod cell;
mod channel;
mod connection;
mod history;
mod kernel;
mod question;
mod serve;
mod spec;
mod watch;
mod wire;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::connection::Connection;

/// Millstream behind the Jupyter protocol.
#[derive(Debug, Parser)]
#[command(name = "millstream-kernel", version, max_term_width = 100)]
#[command(args_conflicts_with_subcommands = true)]
struct Args {
    /// The connection file that Jupyter has written; without one, a new one is made and named on stdout
    #[arg(short = 'f', long, value_name = "FILE")]
    connection_file: Option<PathBuf>,
    /// Where embedded topics and the history of notebooks live
    /// [default: $MILLSTREAM_WORKSPACE, else .millstream]
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,
    /// Allow a connection without a key, or on an address that other machines reach
    #[arg(long)]
    insecure: bool,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Tell Jupyter about this kernel
    Install(spec::Place),
    /// Make Jupyter forget this kernel
    Uninstall(spec::Place),
    /// Look whether Jupyter finds this kernel, and whether it answers
    Doctor(spec::Place),
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.verb {
        Some(Verb::Install(place)) => spec::install(place),
        Some(Verb::Uninstall(place)) => spec::uninstall(place),
        Some(Verb::Doctor(place)) => spec::doctor(place),
        None => run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    let named = std::env::var_os("MILLSTREAM_WORKSPACE").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let workspace = args.workspace.clone().or(named).unwrap_or_else(|| ".millstream".into());
    let mut connection = match &args.connection_file {
        Some(file) => Connection::read(file, args.insecure)?,
        None => Connection::invent(),
    };
    // Two threads carry messages; queries have threads of their own.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    let done = runtime.block_on(async {
        let listeners = connection.listen().await?;
        if args.connection_file.is_none() {
            let file = spec::runtime_folder()?.join(format!("kernel-millstream-{}.json", std::process::id()));
            connection.write(&file)?;
            println!("{}", file.display());
        }
        serve::serve(&connection, listeners, workspace).await
    });
    // Threads of a query that will not end must not keep the process: everything was said.
    runtime.shutdown_background();
    done.map(|()| std::process::exit(0))
}
