//! `oyez-endpoint enrol`: a certificate for the device, by a claim code.

use std::io::{self, BufRead, IsTerminal};

use anyhow::{Context, anyhow};
use device::appliance::{Enrolment, enrol};
use model::Secret;
use zeroize::Zeroizing;

use crate::cli::EnrolArguments;
use crate::identity::StateFolder;
use crate::voice::{Failure, ask, say};

/// Octets of a claim code.
const CLAIM_CODE_LENGTH_MAX: usize = 256;
/// Octets of the end of a line.
const LINE_END_LENGTH_MAX: usize = 2;

/// Runs the command.
pub(crate) async fn run(arguments: EnrolArguments) -> Result<(), Failure> {
    let state = StateFolder::choose(arguments.state.as_deref())?;
    state.prepare()?;
    if io::stdin().is_terminal() {
        ask("claim code: ");
    }
    let claim_code = claim_code(io::stdin().lock())?;
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

/// Reads the code from standard input: an argument could be seen by everybody on the machine. A part of a code is none.
fn claim_code(input: impl BufRead) -> anyhow::Result<Secret> {
    let mut line = Zeroizing::new(String::new());
    let length_max = CLAIM_CODE_LENGTH_MAX + LINE_END_LENGTH_MAX;
    input
        .take(u64::try_from(length_max).unwrap_or(u64::MAX))
        .read_line(&mut line)
        .context("the claim code cannot be read from standard input")?;
    if line.trim_end_matches(['\r', '\n']).len() > CLAIM_CODE_LENGTH_MAX {
        return Err(anyhow!(
            "the claim code is longer than {CLAIM_CODE_LENGTH_MAX} octets"
        ));
    }
    match line.trim() {
        "" => Err(anyhow!(
            "there is no claim code; type it, or give it on standard input"
        )),
        code => Ok(Secret::from(code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_code_is_taken_up_to_its_limit_and_not_cut_past_it() {
        let longest = "K".repeat(CLAIM_CODE_LENGTH_MAX);
        for end in ["", "\n", "\r\n"] {
            let read = claim_code(format!("{longest}{end}").as_bytes()).unwrap();
            assert_eq!(read.reveal(), longest);
            let refused = claim_code(format!("{longest}K{end}").as_bytes()).unwrap_err();
            assert!(refused.to_string().contains("longer than 256"), "{refused}");
        }
    }

    #[test]
    fn a_claim_code_has_no_spaces_around_it_and_is_not_empty() {
        let read = claim_code(" K7QF-2XMB \n".as_bytes()).unwrap();
        assert_eq!(read.reveal(), "K7QF-2XMB");
        assert!(claim_code("\n".as_bytes()).is_err());
    }
}
