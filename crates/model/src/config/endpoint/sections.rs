//! The sections of the typed view, each read from its keys.

use super::passcode;
use super::slots::tone;
use super::{
    ApiAuthentication, ApiConfig, CheckSync, InteropConfig, KeepAliveConfig, KeepAliveMethod, Marking,
    MicrophoneConfig, PageConfig, PageModeConfig, PriorityTrust, RedundancyConfig, SecurityConfig,
    ServerConfig, SrtpOffer, SrtpSuite, TlsVersion, TransportChoice, conflict,
};
use crate::Secret;
use crate::config::keys::{
    API_AUTHENTICATIONS, CHECK_SYNCS, KEEP_ALIVE_METHODS, PRIORITY_TRUSTS, SRTP_OFFERS, SRTP_SUITES,
    TLS_VERSIONS, TRANSPORTS,
};
use crate::config::reader::Reader;
use crate::config::{ConfigError, HostPort, MicrophoneChoice};

/// The password that the hardware has when it is delivered: everybody knows it.
const API_PASSWORD_OF_ALL: &str = "algo";

pub(super) fn server(reader: &Reader<'_>) -> ServerConfig {
    ServerConfig {
        domain: reader.parsed("sip.proxy"),
        registrar: reader.parsed("sip.registrar"),
        outbound_proxy: reader.parsed("sip.obproxy"),
        second_outbound_proxy: reader.parsed("oyez.obproxy2"),
        transport: match reader.choice("sip.transp", TRANSPORTS) {
            "udp" => TransportChoice::Udp,
            "tcp" => TransportChoice::Tcp,
            "tls" => TransportChoice::Tls,
            _ => TransportChoice::Auto,
        },
        sips: reader.flag("sip.sips"),
        register_period: reader.seconds("sip.regexp"),
        marking: Marking {
            sip: reader.code_point("net.dscp.sip"),
            rtp: reader.code_point("net.dscp.rtp"),
            rtcp: reader.code_point("net.dscp.rtcp"),
        },
    }
}

pub(super) fn security(reader: &Reader<'_>) -> SecurityConfig {
    let names = reader.choices("sip.srtp.suite", SRTP_SUITES);
    let suites = if names.contains(&"all") {
        SrtpSuite::ALL.to_vec()
    } else {
        let by_name = |name: &str| {
            SrtpSuite::ALL
                .into_iter()
                .find(|suite| suite.sdp_name().eq_ignore_ascii_case(name))
        };
        names.into_iter().filter_map(by_name).collect()
    };
    SecurityConfig {
        srtp: match reader.choice("sip.srtp", SRTP_OFFERS) {
            "standard" => SrtpOffer::Standard,
            "optional" => SrtpOffer::Optional,
            _ => SrtpOffer::Disabled,
        },
        suites,
        validates_server: reader.flag("oyez.tls.validate"),
        trusted_ca_file: reader.parsed("oyez.tls.ca"),
        tls_version_min: match reader.choice("oyez.tls.min", TLS_VERSIONS) {
            "1.3" => TlsVersion::Tls13,
            _ => TlsVersion::Tls12,
        },
        answers_md5: reader.flag("oyez.digest.md5"),
    }
}

pub(super) fn keep_alive(reader: &Reader<'_>) -> KeepAliveConfig {
    KeepAliveConfig {
        method: match reader.choice("sip.interop.ka.method", KEEP_ALIVE_METHODS) {
            "none" => KeepAliveMethod::None,
            _ => KeepAliveMethod::Crlf,
        },
        interval: reader.seconds("sip.interop.ka.interval"),
        flow_interval: Some(reader.seconds("oyez.flow.ping")).filter(|interval| !interval.is_zero()),
        flow_answer: reader.seconds("oyez.flow.answer"),
    }
}

pub(super) fn redundancy(reader: &Reader<'_>, errors: &mut Vec<ConfigError>) -> RedundancyConfig {
    let backups: Vec<HostPort> = ["sip.bkproxy1", "sip.bkproxy2"]
        .into_iter()
        .filter_map(|key| reader.parsed(key))
        .collect();
    let is_used = reader.flag("sip.ssr.use");
    if is_used && backups.is_empty() {
        let problem = "server redundancy is on but there is no backup server";
        errors.push(conflict(reader, "sip.ssr.use", problem, "sip.bkproxy1, or 0"));
    }
    let local_node = reader.parsed("oyez.survivability.proxy");
    let uses_node = reader.flag("oyez.survivability.use");
    if uses_node && local_node.is_none() {
        let problem = "local survivability is on but the node is not named";
        errors.push(conflict(
            reader,
            "oyez.survivability.use",
            problem,
            "oyez.survivability.proxy, or 0",
        ));
    }
    RedundancyConfig {
        backups: if is_used { backups } else { Vec::new() },
        poll_interval: reader.seconds("sip.ssr.interval"),
        polls_active: reader.flag("sip.ssr.chkact"),
        fails_back: !reader.flag("sip.ssr.nofb"),
        local_node: local_node.filter(|_| uses_node),
    }
}

pub(super) fn interop(reader: &Reader<'_>) -> InteropConfig {
    InteropConfig {
        contact_user: reader.flag("sip.interop.cuser"),
        contact_port: reader.flag("sip.interop.cport"),
        check_sync: match reader.choice("sip.interop.checksync", CHECK_SYNCS) {
            "always-reboot" => CheckSync::Always,
            _ => CheckSync::Conditional,
        },
        priority: match reader.choice("oyez.priority", PRIORITY_TRUSTS) {
            "always" => PriorityTrust::Always,
            "never" => PriorityTrust::Never,
            _ => PriorityTrust::Zone,
        },
    }
}

pub(super) fn page(reader: &Reader<'_>, errors: &mut Vec<ConfigError>) -> PageConfig {
    PageConfig {
        volume_db: reader.decibel("audio.page.vol"),
        tone: tone(reader.text("audio.page.tone")),
        g722: reader.flag("audio.codec.g722"),
        length_max: reader.seconds("phone.timeout.inbound"),
        levels_speech: reader.flag("audio.agc.use"),
        boost_db: if reader.flag("audio.drc.use") {
            i32::try_from(reader.integer("audio.drc.gain")).unwrap_or(0)
        } else {
            0
        },
        mode: page_mode(reader),
        microphone: microphone(reader),
        passcode: passcode::page(reader, errors),
    }
}

fn microphone(reader: &Reader<'_>) -> MicrophoneConfig {
    // A room in which nobody speaks back is not listened to.
    let is_two_way = page_mode(reader) == PageModeConfig::TwoWay;
    let choice = reader.parsed("oyez.microphone").unwrap_or(MicrophoneChoice::Auto);
    MicrophoneConfig {
        choice: if is_two_way {
            choice
        } else {
            MicrophoneChoice::None
        },
        gain_db: reader.decibel("audio.mic.vol"),
        is_muted: reader.flag("audio.mic.mute"),
    }
}

fn page_mode(reader: &Reader<'_>) -> PageModeConfig {
    match reader.integer("audio.page.mode") {
        2 => PageModeConfig::TwoWay,
        3 => PageModeConfig::Delayed {
            ends_by_key: reader.integer("audio.page.delaymode") == 1,
        },
        _ => PageModeConfig::OneWay,
    }
}

pub(super) fn api(reader: &Reader<'_>, errors: &mut Vec<ConfigError>) -> Option<ApiConfig> {
    const PASSWORD: &str = "api.admin.pwd";
    const METHOD: &str = "api.auth.basic";
    if !reader.flag("admin.web.api") {
        return None;
    }
    let password = reader.text(PASSWORD);
    let problem = match password {
        "" => Some("the API is on and has no password, and there is none by default"),
        API_PASSWORD_OF_ALL => Some("the password is the one that the hardware is delivered with"),
        _ => None,
    };
    let authentication = match reader.choice(METHOD, API_AUTHENTICATIONS) {
        "0" => Some(ApiAuthentication::Hmac),
        "1" => Some(ApiAuthentication::Basic),
        _ => None,
    };
    if let Some(problem) = problem {
        errors.push(conflict(
            reader,
            PASSWORD,
            problem,
            "a password of your own, or admin.web.api = 0",
        ));
    }
    if authentication.is_none() {
        let problem = "without a password anybody in the network could change the settings and make the loudspeaker sound";
        errors.push(conflict(reader, METHOD, problem, "0 (HMAC) or 1 (Basic)"));
    }
    (problem.is_none()).then_some(ApiConfig {
        password: Secret::from(password),
        authentication: authentication?,
        skew_max: reader.seconds("api.auth.tsvar"),
    })
}
