//! The tree of tabs, and where each stands.

use model::config::Tab;

/// A branch of the tree.
pub(super) struct Branch {
    pub(super) title: &'static str,
    pub(super) leaves: &'static [Leaf],
}

/// A page in the tree.
pub(super) struct Leaf {
    pub(super) title: &'static str,
    pub(super) path: &'static str,
}

const fn leaf(title: &'static str, path: &'static str) -> Leaf {
    Leaf { title, path }
}

/// The tabs, in the order of the hardware's pages.
pub(super) const TREE: &[Branch] = &[
    Branch {
        title: "Status",
        leaves: &[leaf("Device Status", "/status")],
    },
    Branch {
        title: "Basic Settings",
        leaves: &[
            leaf("SIP", "/settings/sip"),
            leaf("Features", "/settings/features"),
            leaf("Multicast", "/settings/multicast"),
        ],
    },
    Branch {
        title: "Additional Features",
        leaves: &[
            leaf("Input/Output", "/settings/input-output"),
            leaf("Emergency Alerts", "/settings/emergency-alerts"),
            leaf("More Page Extensions", "/settings/more-page-extensions"),
            leaf("More Ring Extensions", "/settings/more-ring-extensions"),
        ],
    },
    Branch {
        title: "Advanced Settings",
        leaves: &[
            leaf("Network", "/settings/network"),
            leaf("Admin", "/settings/admin"),
            leaf("Time", "/settings/time"),
            leaf("Provisioning", "/settings/provisioning"),
            leaf("Tones", "/tones"),
            leaf("Advanced Audio", "/settings/advanced-audio"),
            leaf("Advanced SIP", "/settings/advanced-sip"),
            leaf("Advanced Multicast", "/settings/advanced-multicast"),
        ],
    },
    Branch {
        title: "System",
        leaves: &[
            leaf("Maintenance", "/maintenance"),
            leaf("File Manager", "/files"),
            leaf("System Log", "/log"),
            leaf("About", "/about"),
        ],
    },
];

/// The last part of a settings page's path.
pub(super) const fn slug(tab: Tab) -> &'static str {
    match tab {
        Tab::BasicSip => "sip",
        Tab::BasicFeatures => "features",
        Tab::BasicMulticast => "multicast",
        Tab::EmergencyAlerts => "emergency-alerts",
        Tab::MorePageExtensions => "more-page-extensions",
        Tab::MoreRingExtensions => "more-ring-extensions",
        Tab::InputOutput => "input-output",
        Tab::Network => "network",
        Tab::Time => "time",
        Tab::Admin => "admin",
        Tab::AdvancedAudio => "advanced-audio",
        Tab::AdvancedSip => "advanced-sip",
        Tab::AdvancedMulticast => "advanced-multicast",
        Tab::Provisioning => "provisioning",
    }
}

/// The settings page of a path.
pub(super) fn of_slug(wanted: &str) -> Option<Tab> {
    Tab::ALL.into_iter().find(|tab| slug(*tab) == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tab_of_the_schema_stands_in_the_tree() {
        for tab in Tab::ALL {
            let path = format!("/settings/{}", slug(tab));
            let leaf = TREE
                .iter()
                .flat_map(|branch| branch.leaves.iter().map(move |leaf| (branch, leaf)))
                .find(|(_, leaf)| leaf.path == path);
            let (branch, leaf) = leaf.expect("a settings page can be found");
            assert_eq!(format!("{} → {}", branch.title, leaf.title), tab.title());
            assert_eq!(of_slug(slug(tab)), Some(tab));
        }
    }
}
