//! What a settings page shows of the machine without setting it: its system decides.

use model::config::Tab;
use net::tls::ClockVerdict;

use crate::moment::Moment;
use crate::site::Site;

/// A line that is shown.
pub(super) struct Fact {
    pub(super) label: &'static str,
    pub(super) text: String,
    /// A moment before the text.
    pub(super) at: Option<Moment>,
}

fn fact(label: &'static str, text: impl Into<String>) -> Fact {
    Fact {
        label,
        text: text.into(),
        at: None,
    }
}

/// What the page of a tab shows.
pub(super) async fn facts(site: &Site, tab: Tab) -> Vec<Fact> {
    match tab {
        Tab::Network => network(site),
        Tab::Time => time(site),
        Tab::InputOutput => outputs(site).await,
        Tab::BasicSip
        | Tab::BasicFeatures
        | Tab::BasicMulticast
        | Tab::EmergencyAlerts
        | Tab::MorePageExtensions
        | Tab::MoreRingExtensions
        | Tab::Admin
        | Tab::AdvancedAudio
        | Tab::AdvancedSip
        | Tab::AdvancedMulticast
        | Tab::Provisioning => Vec::new(),
    }
}

fn network(site: &Site) -> Vec<Fact> {
    let addresses = net::local_addresses().unwrap_or_default();
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    vec![
        fact("Host Name", net::host_name()),
        fact("MAC", site.mac()),
        fact("Addresses", addresses.join(", ")),
        fact(
            "Set by",
            "the system: addresses, VLAN, DNS and 802.1X are not this program's",
        ),
    ]
}

fn time(site: &Site) -> Vec<Fact> {
    let (_, verdict) = site.appliance().clock();
    let judged = match verdict {
        ClockVerdict::Plausible => "",
        ClockVerdict::Behind => "It is behind: it shows a time that is over for certain.",
        ClockVerdict::FarAhead => "It may be ahead by years.",
    };
    vec![
        Fact {
            at: Some(Moment(device::unix_time())),
            ..fact("Time", judged)
        },
        fact(
            "Set by",
            "the operating system, from its own time servers: this program sets no clock",
        ),
    ]
}

async fn outputs(site: &Site) -> Vec<Fact> {
    let Some(status) = site.appliance().status().await else {
        return Vec::new();
    };
    let relay = if status.signals.relay { "active" } else { "idle" };
    let strobe = status
        .signals
        .strobe
        .map_or_else(|| "dark".to_owned(), super::status::strobe_text);
    vec![
        fact("Relay Output", format!("virtual, {relay}")),
        fact("Strobe", format!("virtual, {strobe}")),
        fact("Relay Input", "none: it needs a pin of hardware"),
    ]
}
