//! ACKs for 2xx responses to INVITE: sent for the first, sent again for each retransmission, and for other branches
//! of a forked INVITE followed by BYE (RFC 3261 13.2.2.4).

use std::time::Instant;

use bytes::Bytes;
use smallvec::smallvec;

use super::attempt::Attempt;
use super::config::FORKS_MAX;
use super::sessions::Accepted;
use super::{ClientUser, UserAgent};
use crate::dialog::Dialog;
use crate::draft::Authorizations;
use crate::flow::Flow;
use crate::message::{Message, Method, OwnedMethod};
use crate::transaction::TransactionId;

impl UserAgent {
    /// Acknowledges the first 2xx to an INVITE, in the dialog it has made.
    pub(super) fn acknowledge(
        &mut self,
        id: TransactionId,
        flow: Flow,
        calling: Dialog,
        dialog: &Dialog,
        authorizations: Authorizations,
    ) {
        let sequence = calling.local_sequence();
        let ack = self.write_ack(&flow, dialog, sequence, authorizations.clone());
        let acks = smallvec![(dialog.remote_tag().to_owned(), ack.clone())];
        self.sessions.insert_accepted(
            id,
            Accepted {
                flow,
                calling,
                sequence,
                authorizations,
                acks,
            },
        );
        self.send_ack(flow, ack);
    }

    /// Deals with a 2xx to an INVITE that has been acknowledged before; `false` says that it has not.
    pub(super) fn acknowledge_again(&mut self, now: Instant, id: TransactionId, response: &Message) -> bool {
        let Some(accepted) = self.sessions.accepted(id) else {
            return false;
        };
        let tag = response.to().ok().and_then(|to| to.tag()).unwrap_or_default();
        let flow = accepted.flow;
        let known = accepted.acks.iter().find(|(acknowledged, _)| acknowledged == tag);
        if let Some(ack) = known.map(|(_, ack)| ack.clone()) {
            self.send_ack(flow, ack);
        } else if accepted.acks.len() <= FORKS_MAX {
            let calling = &accepted.calling;
            let dialog = calling
                .established_by(response)
                .unwrap_or_else(|_| calling.unusable_with(response));
            let (sequence, authorizations) = (accepted.sequence, accepted.authorizations.clone());
            self.leave_fork(now, id, flow, dialog, sequence, authorizations);
        }
        true
    }

    /// Acknowledges and ends the dialog of a further branch.
    fn leave_fork(
        &mut self,
        now: Instant,
        id: TransactionId,
        flow: Flow,
        mut dialog: Dialog,
        sequence: u32,
        authorizations: Authorizations,
    ) {
        let ack = self.write_ack(&flow, &dialog, sequence, authorizations);
        self.send_ack(flow, ack.clone());
        if let Some(accepted) = self.sessions.accepted_mut(id) {
            accepted.acks.push((dialog.remote_tag().to_owned(), ack));
        }
        let next = dialog.next_sequence(sequence);
        let mut bye = Attempt::new(dialog.draft(OwnedMethod::from(Method::Bye)), next, None);
        bye.large_datagram = true;
        if self.start(now, flow, bye, ClientUser::Nobody).is_err() {
            // The agent is full: the branch ends when its own side hears nothing.
            self.counters.unsent += 1;
        }
    }

    fn send_ack(&mut self, flow: Flow, ack: Option<Bytes>) {
        match ack {
            Some(ack) => self.transmit(flow, ack),
            None => self.counters.unsent += 1,
        }
    }

    /// Writes the ACK for a 2xx: a request inside the dialog, with the number and the credentials of its INVITE. `None`
    /// where what the peer has put into its dialog makes it too large to write.
    fn write_ack(
        &mut self,
        flow: &Flow,
        dialog: &Dialog,
        sequence: u32,
        authorizations: Authorizations,
    ) -> Option<Bytes> {
        let mut attempt = Attempt::new(dialog.draft(OwnedMethod::from(Method::Ack)), sequence, None);
        attempt.authorizations = authorizations;
        let branch = self.random.branch();
        let ack = self.write(flow, &branch, &attempt).ok()?;
        Some(Bytes::from(ack.into_bytes()))
    }
}
