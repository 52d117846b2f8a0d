//! What fields are called on the pages: as on the hardware, where it is known.

use model::config::KeySpec;

/// The label of a key, by the pattern it belongs to.
pub(super) fn label(spec: &KeySpec) -> String {
    let pattern = spec.pattern.to_string();
    let known = LABELS
        .iter()
        .find(|(key, _)| pattern == *key || unnumbered(&pattern) == *key);
    known.map_or_else(|| from_help(spec.help), |(_, label)| (*label).to_owned())
}

const LABELS: &[(&str, &str)] = &[
    ("sip.proxy", "SIP Domain (Proxy Server)"),
    ("sip.page.use", "Page Extension"),
    ("sip.u1.user", "Page (Base) Extension"),
    ("sip.u1.auth", "Authentication ID"),
    ("sip.u1.pwd", "Authentication Password"),
    ("sip.u1.dname", "Display Name"),
    ("audio.page.vol", "Page Speaker Volume"),
    ("audio.page.tone", "Page Tone"),
    ("audio.agc.use", "Automatic Gain Control"),
    ("audio.drc.use", "Dynamic Range Compression"),
    ("audio.drc.gain", "Dynamic Range Compression: Gain"),
    ("oyez.ann.vol", "Alert Volume"),
    ("audio.codec.g722", "G.722 Support"),
    ("audio.ring.vol", "Ring/Alert Volume"),
    ("audio.ring.tone", "Ring/Alert Tone"),
    ("audio.ring.timeout", "Ring Limit"),
    ("audio.page.mode", "Page Mode"),
    ("audio.page.delaymode", "Delayed Page"),
    ("phone.timeout.inbound", "Page Timeout"),
    ("dtmfpc.page.use", "Page Passcode"),
    ("dtmfpc.page.code", "Page Passcode: Code"),
    ("dtmfpc.page.all", "Page Passcode: All Page Extensions"),
    ("dtmfpc.page.extensions", "Page Passcode: Extensions"),
    ("dtmfpc.page.tone", "Page Passcode: Prompt"),
    ("dtmfpc.alert.code", "Alert Passcode"),
    ("dtmfpc.alert.tone", "Alert Passcode: Prompt"),
    ("ann.ext#", "Extension"),
    ("ann.auth#", "Authentication ID"),
    ("ann.pwd#", "Authentication Password"),
    ("ann.use#", "Use"),
    ("ann.tone#", "Announcement"),
    ("ann.loop#", "Repeat"),
    ("ann.max#", "Rounds"),
    ("ann.zone#", "Multicast Zone"),
    ("oyez.ann.drill#", "Exercises Only"),
    ("ann.maxtime", "Longest Alert"),
    ("cancel.ext", "Cancel Extension"),
    ("cancel.auth", "Cancel: Authentication ID"),
    ("cancel.pwd", "Cancel: Authentication Password"),
    ("cancel.ctone", "Cancel: Confirmation Tone"),
    ("mcast.ext#", "Extension"),
    ("mcast.auth#", "Authentication ID"),
    ("mcast.pwd#", "Authentication Password"),
    ("mcast.use#", "Use"),
    ("mcast.tone#", "Page Tone"),
    ("mcast.mode", "Multicast Mode"),
    ("mcast.rx.zones", "Receiver Zones"),
    ("mcast.tx.codec", "Transmitter Output Codec"),
    ("mcast.tx.fixed", "Transmitter Zone"),
    ("mcast.tx.zones", "Transmitter Zones"),
    ("mcast.tx.ring", "Send Ring Tones"),
    ("oyez.mcast.local", "Play on This Loudspeaker, Too"),
    ("mcast.tx.ptime", "Packet Time (ms)"),
    ("mcast.tx.ttl", "TTL"),
    ("mcast.prio.use", "Own Priority Zones"),
    ("mcast.prio.zones", "Priority Zones"),
    ("mcast.zones.music", "Music Zones"),
    ("oyez.mcast.sources", "Permitted Sources"),
    ("oyez.mcast.interface", "Network Interface"),
    ("mcast.tx.select", "Zone Selection by DTMF"),
    ("mcast.rtp.ext", "RTCP"),
    ("mcast.zones.exp", "Expanded Zones"),
    ("mcast.zone#", "Address"),
    ("mcast.vol#", "Volume"),
    ("mcast.rxtone#", "Receiver Tone"),
    ("sip.alert#.user", "Extension"),
    ("sip.alert#.auth", "Authentication ID"),
    ("sip.alert#.pwd", "Authentication Password"),
    ("sip.alert#.use", "Use"),
    ("sip.alert#.tone", "Ring Tone"),
    ("sip.alert#.zone", "Multicast Zone"),
    ("audio.ring.cid#.use", "Use"),
    ("audio.ring.cid#.regex", "Caller (Regular Expression)"),
    ("audio.ring.cid#.tone", "Ring Tone"),
    ("audio.ring.cid#.delay", "Delay"),
    ("admin.web.api", "RESTful API"),
    ("api.admin.pwd", "RESTful API Password"),
    ("api.auth.basic", "Authentication Method"),
    ("api.auth.tsvar", "Permitted Clock Skew"),
    ("log.method", "Log Method"),
    ("log.server", "Log Server"),
    ("log.server2", "Log Server #2"),
    ("log.server3", "Log Server #3"),
    ("log.server4", "Log Server #4"),
    ("log.protocol", "Log Protocol"),
    ("oyez.log.ca", "Log: Trusted Certificate Authorities"),
    ("log.level", "Log Level"),
    ("net.dscp.sip", "DSCP for SIP"),
    ("net.dscp.rtp", "DSCP for RTP"),
    ("net.dscp.rtcp", "DSCP for RTCP"),
    ("admin.timezone", "Time Zone"),
    ("net.time1", "Time Server 1"),
    ("net.time2", "Time Server 2"),
    ("net.time3", "Time Server 3"),
    ("net.time4", "Time Server 4"),
    ("net.dhcp.c.ntp", "Time Servers by DHCP"),
    ("io.relayout", "Relay Output"),
    ("io.relayout.events", "Relay Output: Events"),
    ("io.relayin.mode", "Relay Input"),
    ("oyez.sink", "Sound Output"),
    ("oyez.microphone", "Microphone"),
    ("audio.mic.vol", "Microphone Gain"),
    ("audio.mic.mute", "Microphone Mute"),
    ("oyez.order", "Order of Sounds"),
    ("sip.transp", "SIP Transportation"),
    ("sip.sips", "SIPS Scheme"),
    ("sip.obproxy", "Outbound Proxy"),
    ("oyez.obproxy2", "Second Outbound Proxy"),
    ("sip.registrar", "Registrar"),
    ("sip.regexp", "Register Period"),
    ("sip.interop.ka.method", "Keep-alive Method"),
    ("sip.interop.ka.interval", "Keep-alive Period"),
    ("sip.srtp", "SDP SRTP Offer"),
    ("sip.srtp.suite", "SDP SRTP Offer Crypto Suite"),
    ("oyez.tls.validate", "Validate Server Certificate"),
    ("oyez.tls.ca", "Trusted Certificate Authorities"),
    ("oyez.tls.min", "Oldest TLS Version"),
    ("oyez.digest.md5", "Answer MD5 Challenges"),
    ("sip.ssr.use", "Server Redundancy Feature"),
    ("sip.bkproxy1", "Backup Server #1"),
    ("sip.bkproxy2", "Backup Server #2"),
    ("sip.ssr.interval", "Polling Interval"),
    ("sip.ssr.method", "Polling Method"),
    ("sip.ssr.chkact", "Poll Active Server"),
    ("sip.ssr.nofb", "No Automatic Fail-back"),
    ("sip.interop.cuser", "Extension in Contact"),
    ("sip.interop.cport", "Port in Contact"),
    ("sip.interop.checksync", "Check-sync Behaviour"),
    ("oyez.priority", "Trust in the Priority Header"),
    ("oyez.survivability.use", "Local Survivability"),
    ("oyez.survivability.proxy", "Survivability Proxy"),
    ("prov.use", "Provisioning"),
    ("prov.server.method", "Server Method"),
    ("prov.server.static", "Static Server"),
    ("prov.download.method", "Download Method"),
    ("prov.download.cert", "Validate Server Certificate"),
    ("oyez.prov.ca", "Trusted Certificate Authorities"),
    ("prov.download.cfgpath", "Config Download Path"),
    ("prov.auth.user", "Auth User Name"),
    ("prov.auth.pwd", "Auth Password"),
    ("prov.i", "Partial Provisioning"),
    ("oyez.prov.model", "Model in File Names"),
    ("oyez.prov.interval", "Fetch Again Every"),
    ("prov.sync.frequency", "Scheduled Fetch"),
    ("prov.sync.time", "Schedule: From"),
    ("prov.sync.endtime", "Schedule: Until"),
    ("prov.sync.wdays", "Schedule: Days"),
];

/// What a word of a configuration stands for, where it says nothing by itself.
pub(super) fn word(spec: &KeySpec, word: &str) -> Option<&'static str> {
    match (spec.pattern.to_string().as_str(), word) {
        ("io.relayout.events", "all") => Some("Everything but music"),
        ("io.relayout.events", "alert") => Some("Emergency alerts"),
        ("io.relayout.events", "priority") => Some("Priority pages and exercises"),
        ("io.relayout.events", "page") => Some("Pages"),
        ("io.relayout.events", "call") => Some("Two-way calls"),
        ("io.relayout.events", "ring") => Some("Rings"),
        ("io.relayout.events", "bell") => Some("Bells"),
        ("io.relayout.events", "music") => Some("Music"),
        ("audio.page.mode", "0") => Some("Not set (one-way)"),
        ("audio.page.mode", "1") => Some("One-way"),
        ("audio.page.mode", "2") => Some("Two-way"),
        ("audio.page.mode", "3") => Some("Delayed"),
        ("audio.page.delaymode", "0") => Some("When the caller has hung up"),
        ("audio.page.delaymode", "1") => Some("Also when the caller presses a key"),
        ("ann.loop{1..10}", "0") => Some("Once"),
        ("ann.loop{1..10}", "1") => Some("As often as Rounds says"),
        ("ann.loop{1..10}", "2") => Some("Until it is stopped"),
        ("mcast.mode", "0") => Some("None"),
        ("mcast.mode", "1") => Some("Transmitter (Sender)"),
        ("mcast.mode", "2") => Some("Receiver"),
        ("mcast.tx.codec", "g722") => Some("G.722"),
        ("mcast.tx.codec", "ulaw") => Some("G.711 µ-law"),
        ("mcast.tx.codec", "alaw") => Some("G.711 A-law"),
        ("api.auth.basic", "0") => Some("Standard (HMAC)"),
        ("api.auth.basic", "1") => Some("Basic"),
        ("api.auth.basic", "-1") => Some("None (refused)"),
        _ => None,
    }
}

/// A pattern with `#` in the place of its numbers.
fn unnumbered(pattern: &str) -> String {
    match (pattern.split_once('{'), pattern.split_once('}')) {
        (Some((before, _)), Some((_, after))) => format!("{before}#{after}"),
        _ => pattern.to_owned(),
    }
}

/// The first clause of a help text.
fn from_help(help: &str) -> String {
    let end = help.find([';', ',', ':', '.', '(']).unwrap_or(help.len());
    help.get(..end).unwrap_or(help).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use model::config::KEYS;

    use super::*;

    #[test]
    fn every_key_has_a_label_of_its_own() {
        for spec in KEYS {
            let label = label(spec);
            assert!(!label.is_empty() && label.len() < 60, "{}: {label}", spec.pattern);
        }
    }

    #[test]
    fn every_label_is_of_a_known_key() {
        for (key, _) in LABELS {
            let is_known = KEYS.iter().any(|spec| {
                let pattern = spec.pattern.to_string();
                pattern == *key || unnumbered(&pattern) == *key
            });
            assert!(is_known, "{key}");
        }
    }
}
