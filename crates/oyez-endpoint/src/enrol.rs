//! `oyez-endpoint enrol`: a certificate for the device, by a claim code.

use std::io::{self, BufRead, IsTerminal, Read};

use anyhow::{Context, anyhow};
use device::appliance::{Enrolment, enrol};
use model::Secret;
use zeroize::Zeroizing;

use crate::cli::EnrolArguments;
use crate::identity::StateFolder;
use crate::voice::{Failure, ask, say};

/// Octets of a claim code.
const CLAIM_CODE_LENGTH_MAX: u64 = 256;

/// Runs the command.
pub(crate) async fn run(arguments: EnrolArguments) -> Result<(), Failure> {
    let state = StateFolder::choose(arguments.state.as_deref())?;
    state.prepare()?;
    let claim_code = claim_code()?;
    let enrolled = enrol(Enrolment {
        authority: arguments.authority,
        claim_code,
        trusted_ca_file: arguments.ca,
        state: state.path().to_owned(),
        mac: arguments.mac,
    })
    .await
    .map_err(anyhow::Error::from)?;
    say(&format!(
        "{} has its certificate in {}",
        enrolled.names.join(", "),
        enrolled.file.display()
    ));
    Ok(())
}

/// Reads the code from standard input: an argument could be seen by everybody on the machine.
fn claim_code() -> anyhow::Result<Secret> {
    if io::stdin().is_terminal() {
        ask("claim code: ");
    }
    let mut line = Zeroizing::new(String::new());
    io::stdin()
        .lock()
        .take(CLAIM_CODE_LENGTH_MAX)
        .read_line(&mut line)
        .context("the claim code cannot be read from standard input")?;
    match line.trim() {
        "" => Err(anyhow!(
            "there is no claim code; type it, or give it on standard input"
        )),
        code => Ok(Secret::from(code)),
    }
}
