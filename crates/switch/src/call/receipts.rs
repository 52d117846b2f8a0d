//! What listeners say of a page they have played.

use media::bridge::LegId;
use model::status::Receipt;
use paging::LegNumber;
use sip::message::Message;

use crate::switch::Switch;

/// Octets of a receipt: its fields take about 300.
pub const RECEIPT_LENGTH_MAX: usize = 4_096;

impl Switch {
    /// Takes the receipt in the body of a listener's message, if there is one.
    pub(super) fn take_receipt(&mut self, id: LegId, message: &Message) {
        if !is_receipt(message) {
            return;
        }
        let Some(user) = self.calls.leg_by_id.get(&id).map(|leg| leg.user.clone()) else {
            return;
        };
        let page = self.calls.call_of(id).and_then(|(_, call)| call.page.as_mut());
        let is_taken = match (read(message.body()), page) {
            (Some(receipt), Some(page)) => page.receive(&user, LegNumber(id.0), receipt).is_ok(),
            (None, _) | (_, None) => false,
        };
        if is_taken {
            self.counters.calls.receipts += 1;
        } else {
            self.counters.calls.receipts_refused += 1;
        }
    }
}

pub(super) fn is_receipt(message: &Message) -> bool {
    message
        .content_type()
        .is_ok_and(|media_type| media_type.is_some_and(|found| found.is(Receipt::CONTENT_TYPE)))
}

fn read(body: &[u8]) -> Option<Receipt> {
    if body.len() > RECEIPT_LENGTH_MAX {
        return None;
    }
    serde_json::from_slice(body).ok()
}
