//! `oyez service certificate`: a running service signs the request of a device that cannot enrol.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::inventory::MacAddress;
use net::authority::SigningRequest;
use portal::provisioning::IssuedByHand;
use serde::{Deserialize, Serialize};

use crate::cli::CertificateArguments;
use crate::console;
use crate::failure::Failure;
use crate::question;
use crate::state::StateFolder;

/// How the question begins; then come the MAC address and the request in base64.
pub(crate) const QUESTION: &str = "certificate ";

/// What the service answers.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CertificateAnswer {
    /// A certificate.
    Issued(IssuedByHand),
    /// Why there is none.
    Problem(String),
}

/// Runs the command.
///
/// # Errors
///
/// When the request cannot be used, a file cannot be read or written, no service answers, or it refuses.
pub async fn run(arguments: CertificateArguments) -> Result<(), Failure> {
    let path = StateFolder::choose(arguments.state.as_deref())?.service_control();
    let mac: MacAddress = arguments.mac.parse().map_err(|error| anyhow!("{error}"))?;
    let file = arguments.csr.display();
    let request = fs::read(&arguments.csr).with_context(|| format!("cannot read {file}"))?;
    // What is wrong shows here too, and a private key does not get any further.
    SigningRequest::read(&request).map_err(|offence| anyhow!("{file}: {offence}"))?;
    if let Some(out) = arguments.out.as_deref().filter(|out| out.exists()) {
        return Err(is_there(out).into());
    }
    let question = format!("{QUESTION}{mac} {}", STANDARD.encode(&request));
    let answer: CertificateAnswer = question::ask(&path, &question).await?;
    let issued = match answer {
        CertificateAnswer::Issued(issued) => issued,
        CertificateAnswer::Problem(problem) => return Err(anyhow!(problem).into()),
    };
    if let Some(out) = &arguments.out
        && let Err(error) = write(out, &issued.chain())
    {
        // What was issued is not lost with the file.
        console::say(issued.chain().trim_end());
        return Err(error.into());
    }
    say(&arguments, &issued)
}

fn say(arguments: &CertificateArguments, issued: &IssuedByHand) -> Result<(), Failure> {
    let until = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(issued.not_after_ms));
    let until = until.map(httpdate::fmt_http_date).unwrap_or_default();
    if arguments.json {
        let text = serde_json::to_string_pretty(issued).context("the answer cannot be written")?;
        console::say(&text);
    } else if let Some(out) = &arguments.out {
        let (
            IssuedByHand {
                name,
                mac,
                fingerprint,
                ..
            },
            out,
        ) = (issued, out.display());
        console::say(&format!(
            "{name} ({mac}) has its certificate and the authority's in {out}\ngood until {until}\nSHA-256 {fingerprint}"
        ));
    } else {
        console::say(issued.chain().trim_end());
    }
    Ok(())
}

fn is_there(out: &Path) -> anyhow::Error {
    anyhow!(
        "{} is there already: name another file, or remove it",
        out.display()
    )
}

/// Writes a file that was not there: an option in the wrong place must not take the place of a key.
fn write(out: &Path, text: &str) -> anyhow::Result<()> {
    let made = OpenOptions::new().write(true).create_new(true).open(out);
    let mut file = match made {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => bail!(is_there(out)),
        made => made.with_context(|| format!("cannot write {}", out.display()))?,
    };
    let written = file.write_all(text.as_bytes());
    if written.is_err() {
        // A part of a certificate would be in the way of the next try.
        let _is_gone = fs::remove_file(out).is_ok();
    }
    written.with_context(|| format!("cannot write {}", out.display()))
}
