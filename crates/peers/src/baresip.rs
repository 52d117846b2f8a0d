//! baresip, a real SIP phone without a head: it registers, dials, and speaks a WAV file.

use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Program;

/// Where Debian's package keeps the modules.
const MODULES: &str = "/usr/lib/baresip/modules";
/// Longest wait for a registration or an answer, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the phone sends its sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// G.711 µ-law in SRTP, and nothing else.
    SecurePcmu,
    /// G.722 in SRTP, and nothing else.
    SecureG722,
    /// Opus in SRTP, and nothing else.
    SecureOpus,
    /// G.711 µ-law in plain RTP.
    PlainPcmu,
}

impl Media {
    /// The codec's name in session descriptions (RFC 3551 §6, RFC 7587 §7).
    pub fn codec(self) -> &'static str {
        match self {
            Self::SecurePcmu | Self::PlainPcmu => "PCMU",
            Self::SecureG722 => "G722",
            Self::SecureOpus => "opus",
        }
    }

    /// Samples a second of the sound file that the phone is given: it converts nothing.
    pub fn rate(self) -> u32 {
        match self {
            Self::SecurePcmu | Self::PlainPcmu => 8_000,
            Self::SecureG722 => 16_000,
            Self::SecureOpus => 48_000,
        }
    }

    /// Channels of the sound file that the phone is given.
    pub fn channels(self) -> u16 {
        match self {
            Self::SecurePcmu | Self::PlainPcmu | Self::SecureG722 => 1,
            Self::SecureOpus => 2,
        }
    }
}

/// What a phone has to know to register.
#[derive(Debug, Clone)]
pub struct Account<'a> {
    /// User name in its address of record.
    pub user: &'a str,
    /// Name it authenticates by.
    pub authorization_id: &'a str,
    /// Its password.
    pub password: &'a str,
    /// Domain of its address of record, with a port where it is the server itself.
    pub domain: &'a str,
    /// Outbound proxy as a SIP URI, where it is not the domain.
    pub outbound: Option<&'a str>,
    /// `udp`, `tcp` or `tls`.
    pub transport: &'a str,
    /// Certificates it trusts, for TLS.
    pub authority: Option<&'a Path>,
    /// How it sends its sound.
    pub media: Media,
}

/// How the name of the file ends with what a phone has heard.
const HEARD: &str = "-dec.wav";

/// A running phone.
#[derive(Debug)]
pub struct Baresip {
    program: Program,
    folder: tempfile::TempDir,
}

impl Baresip {
    /// Starts a phone on `address` that speaks the WAV file `speech` into its calls, and waits until it is registered.
    ///
    /// # Panics
    ///
    /// When it cannot be started or does not get registered.
    pub fn start(account: &Account<'_>, address: IpAddr, speech: &Path) -> Self {
        Self::with(&accounts(account), account.authority, address, speech)
    }

    /// As [`Baresip::start`], with a line of its file `accounts` and the authority that it trusts.
    ///
    /// # Panics
    ///
    /// When it cannot be started or does not get registered.
    pub fn with(line: &str, authority: Option<&Path>, address: IpAddr, speech: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        write(
            &folder.path().join("config"),
            &config(authority, address, speech, folder.path()),
        );
        write(&folder.path().join("accounts"), &format!("{line}\n"));
        write(&folder.path().join("contacts"), "");
        let mut program = Program::start(Command::new("baresip").arg("-v").arg("-f").arg(folder.path()));
        program.wait_for(&["registered successfully"], PATIENCE);
        Self { program, folder }
    }

    /// Dials `extension` and waits for the answer; the phone speaks from then on.
    ///
    /// # Panics
    ///
    /// When nobody answers.
    pub fn dial(&mut self, extension: &str) {
        self.program.write_line(&format!("/dial {extension}"));
        self.program.wait_for(&["Call established"], PATIENCE);
    }

    /// Presses keys in a call, one after the other.
    pub fn press(&mut self, keys: &str) {
        for key in keys.chars() {
            self.program.write_line(&format!("/sndcode {key}"));
        }
    }

    /// Dials `extension`, which need not answer.
    pub fn ring(&mut self, extension: &str) {
        self.program.write_line(&format!("/dial {extension}"));
        self.program.wait_for(&["180 Ringing", "ringing"], PATIENCE);
    }

    /// Waits until the call is over, as it is when the speech has been spoken.
    ///
    /// # Panics
    ///
    /// When it goes on for longer than `patience`.
    pub fn wait_until_closed(&mut self, patience: Duration) {
        self.program.wait_for(&["terminated (duration"], patience);
    }

    /// Hangs up.
    pub fn hang_up(&mut self) {
        self.program.write_line("/hangup");
    }

    /// Stops ringing, or leaves a call that may have ended already, and waits until it is over.
    ///
    /// # Panics
    ///
    /// When it is not.
    pub fn give_up(&mut self) {
        self.hang_up();
        self.program.wait_for(&["audio: destroyed"], PATIENCE);
    }

    /// The WAV file with what the phone has heard in its call, whole when that is over.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn heard(&self) -> PathBuf {
        let files = fs::read_dir(self.folder.path()).expect("the folder is there");
        let mut files = files.flatten().map(|entry| entry.path());
        files
            .find(|file| file.to_string_lossy().ends_with(HEARD))
            .expect("what was heard is kept")
    }

    /// All that the phone printed.
    pub fn said(&self) -> String {
        self.program.said()
    }
}

fn config(authority: Option<&Path>, address: IpAddr, speech: &Path, folder: &Path) -> String {
    let mut text = format!(
        "poll_method epoll\nsip_listen {address}:0\naudio_player aufile,{played}\naudio_source aufile,{speech}\n\
         audio_alert aufile,{alert}\nmodule_path {MODULES}\nmodule stdio.so\nmodule g711.so\nmodule g722.so\nmodule opus.so\n\
         module aufile.so\nmodule sndfile.so\nsnd_path {folder}\nmodule srtp.so\nmodule_tmp uuid.so\nmodule_tmp account.so\nmodule_app menu.so\n",
        played = folder.join("played.wav").display(),
        folder = folder.display(),
        alert = folder.join("alert.wav").display(),
        speech = speech.display(),
    );
    if let Some(authority) = authority {
        writeln!(text, "sip_cafile {}", authority.display()).expect("a string can be written");
    }
    text
}

fn accounts(account: &Account<'_>) -> String {
    let security = match account.media {
        Media::SecurePcmu | Media::SecureG722 | Media::SecureOpus => ";mediaenc=srtp-mand",
        Media::PlainPcmu => "",
    };
    let outbound = account
        .outbound
        .map(|proxy| format!(";outbound=\"{proxy}\""))
        .unwrap_or_default();
    format!(
        "<sip:{user}@{domain};transport={transport}>;auth_user={id};auth_pass={password};regint=600;\
         audio_codecs={codec}/{rate}/{channels}{security}{outbound}",
        user = account.user,
        domain = account.domain,
        transport = account.transport,
        id = account.authorization_id,
        password = account.password,
        codec = account.media.codec(),
        rate = account.media.rate(),
        channels = account.media.channels(),
    )
}

fn write(path: &PathBuf, text: &str) {
    fs::write(path, text).expect("a file in a temporary folder can be written");
}
