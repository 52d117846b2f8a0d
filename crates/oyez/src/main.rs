//! The program `oyez`: parse, run one command, end with its exit code.

use std::process::ExitCode;

use clap::Parser;
use oyez::cli::{Arguments, Command};
use oyez::failure::Failure;
use oyez::{check, console, page, service, status, up, zone_command};

fn main() -> ExitCode {
    net::use_one_heap();
    let arguments = Arguments::parse();
    console::log_to_standard_error();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return fail(&Failure::Failed(
                anyhow::Error::new(error).context("cannot start"),
            ));
        }
    };
    let done = runtime.block_on(async {
        match arguments.command {
            Command::Up(arguments) => up::run(arguments).await,
            Command::Page(arguments) => page::run(arguments).await,
            Command::Status(arguments) => status::run(arguments).await,
            Command::Check(arguments) => check::run(arguments).await,
            Command::Zone(arguments) => zone_command::run(arguments).await,
            Command::Service(arguments) => service::run(arguments).await,
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&failure),
    }
}

fn fail(failure: &Failure) -> ExitCode {
    console::complain(failure);
    failure.exit_code()
}
