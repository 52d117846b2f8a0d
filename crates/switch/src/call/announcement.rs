//! What those who are called are told of a call. Every header stems from the directory: whatever a caller says of
//! itself or asks of a phone (From, Alert-Info, Call-Info, Answer-Mode, Priority, `Oyez-…`) ends here.

use model::directory::{ExtensionRecord, ExtensionRole, Urgency};
use paging::Page;

/// The header that names a page, in INVITEs to listeners and in the 200 of a listener that will give a receipt.
pub const PAGE_HEADER: &str = "Oyez-Page";

/// What an INVITE to one who is called says.
#[derive(Debug)]
pub(crate) struct Announcement {
    /// From, without a tag.
    pub(crate) from: String,
    /// Asks the device to answer by itself.
    answers_itself: bool,
    /// Value of Priority (RFC 3261 §20.26).
    priority: Option<&'static str>,
    /// Hops the call may still take (RFC 7332 §5).
    hops_left: u8,
}

impl Announcement {
    pub(crate) fn new(extension: &ExtensionRecord, from: String, hops_left: u8) -> Self {
        let priority = match &extension.role {
            ExtensionRole::Alert { .. } => Some("emergency"),
            // An exercise sounds wherever the real thing would, and ends when that comes.
            ExtensionRole::Drill { .. }
            | ExtensionRole::PageGroup {
                urgency: Urgency::Priority,
                ..
            } => Some("urgent"),
            ExtensionRole::Phone { .. }
            | ExtensionRole::Slot { .. }
            | ExtensionRole::PageGroup {
                urgency: Urgency::Normal,
                ..
            } => None,
        };
        Self {
            from,
            answers_itself: extension.role.auto_answers(),
            priority,
            hops_left,
        }
    }

    /// The headers of the INVITE, in the three ways that phones understand (RFC 5373 and two conventions).
    pub(crate) fn headers(&self, domain: &str, page: Option<&Page>) -> Vec<(String, String)> {
        let mut headers = Vec::with_capacity(6);
        let mut add = |name: &str, value: String| headers.push((name.to_owned(), value));
        add("Max-Forwards", self.hops_left.to_string());
        if let Some(page) = page {
            add(PAGE_HEADER, page.id().to_string());
        }
        if self.answers_itself {
            add("Answer-Mode", "Auto".to_owned());
            add("Call-Info", format!("<sip:{domain}>;answer-after=0"));
            add(
                "Alert-Info",
                format!("<sip:{domain}>;info=alert-autoanswer;delay=0"),
            );
        }
        if let Some(priority) = self.priority {
            add("Priority", priority.to_owned());
        }
        headers
    }
}
