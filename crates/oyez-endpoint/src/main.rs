//! The program `oyez-endpoint`: parse, run one command, end with its exit code.

mod cli;
mod enrol;
mod identity;
#[cfg(test)]
mod manual;
mod run;
mod status;
mod voice;
mod web;

use std::process::ExitCode;

use clap::Parser;
use cli::{Arguments, Command};
use voice::Failure;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let log_book = voice::log_to_standard_error();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return fail(&Failure::Failed(
                anyhow::Error::new(error).context("cannot start"),
            ));
        }
    };
    let done = runtime.block_on(async {
        match arguments.command {
            Command::Run(arguments) => run::run(arguments, log_book).await,
            Command::Enrol(arguments) => enrol::run(arguments).await,
            Command::Status(arguments) => status::run(arguments).await,
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&failure),
    }
}

fn fail(failure: &Failure) -> ExitCode {
    voice::complain(failure);
    failure.exit_code()
}
