//! linphone, a real SIP phone in its edition for terminals: it registers, dials, and speaks a WAV file.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::{Account, Media, Program};

/// Longest wait for an answer or a hang-up, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running phone.
#[derive(Debug)]
pub struct Linphone {
    program: Program,
    _folder: tempfile::TempDir,
}

impl Linphone {
    /// Starts a phone that speaks the WAV file `speech` into its calls, again and again. It offers every codec it has,
    /// Opus first. It looks for its server's name in a certificate, and for no address.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start(account: &Account<'_>, speech: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let data = folder.path().join(".local/share/linphone");
        fs::create_dir_all(data).expect("a folder in a temporary folder can be made");
        let file = folder.path().join("linphonerc");
        fs::write(&file, config(account)).expect("a file in a temporary folder can be written");
        let mut program = Program::start(
            Command::new("linphonec")
                .arg("-c")
                .arg(&file)
                .env("HOME", folder.path()),
        );
        program.write_line("soundcard use files");
        program.wait_for(&["Using wav files"], PATIENCE);
        program.write_line(&format!("play {}", speech.display()));
        Self {
            program,
            _folder: folder,
        }
    }

    /// Dials `extension` and waits for the answer; the phone speaks from then on.
    ///
    /// # Panics
    ///
    /// When nobody answers.
    pub fn dial(&mut self, extension: &str) {
        self.program.write_line(&format!("call {extension}"));
        self.program.wait_for(&["Media streams established"], PATIENCE);
    }

    /// Dials `extension` and waits until it rings; it need not answer.
    ///
    /// # Panics
    ///
    /// When it does not ring.
    pub fn ring(&mut self, extension: &str) {
        self.program.write_line(&format!("call {extension}"));
        self.program.wait_for(&["ringing"], PATIENCE);
    }

    /// Stops ringing, or leaves a call that may have ended already.
    pub fn give_up(&mut self) {
        self.program.write_line("terminate");
    }

    /// Hangs up and waits until the call is over.
    ///
    /// # Panics
    ///
    /// When it is not.
    pub fn hang_up(&mut self) {
        self.program.write_line("terminate");
        self.program.wait_for(&["ended (No error)"], PATIENCE);
    }
}

fn config(account: &Account<'_>) -> String {
    let server = match account.outbound {
        Some(proxy) => proxy.to_owned(),
        None => format!("sip:{};transport={}", account.domain, account.transport),
    };
    // Without an authority it asks no server for a certificate that it would trust.
    let authority = account.authority.map_or_else(
        || "verify_server_certs=0\nverify_server_cn=0\n".to_owned(),
        |file| format!("root_ca={}\n", file.display()),
    );
    let encryption = match account.media {
        Media::SecurePcmu | Media::SecureG722 | Media::SecureOpus => {
            "media_encryption=srtp\nmedia_encryption_mandatory=1\n"
        }
        Media::PlainPcmu => "media_encryption=none\n",
    };
    // A port of 0 is off, -1 any free one, -2 none for a transport that only connects.
    let ports = match account.transport {
        "udp" => "sip_port=-1\nsip_tcp_port=0\nsip_tls_port=0\n",
        "tcp" => "sip_port=0\nsip_tcp_port=-2\nsip_tls_port=0\n",
        _ => "sip_port=0\nsip_tcp_port=0\nsip_tls_port=-2\n",
    };
    format!(
        "[sip]\n{ports}{authority}{encryption}default_proxy=0\n\n\
         [rtp]\naudio_rtp_port=-1\n\n\
         [proxy_0]\nreg_proxy=<{server}>\nreg_route=<{server}>\nreg_identity=sip:{user}@{domain}\nreg_expires=600\n\
         reg_sendregister=1\npublish=0\n\n\
         [auth_info_0]\nusername={user}\nuserid={id}\npasswd={password}\ndomain={domain}\n\n\
         [video]\nenabled=0\n",
        user = account.user,
        domain = account.domain,
        id = account.authorization_id,
        password = account.password,
    )
}
