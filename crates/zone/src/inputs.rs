//! The queues that feed the driver, and how much is taken of each before the others get their turn.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Instant;

use model::directory::Update;
use net::deadline::until;
use net::media::MediaEvent;
use net::transport::Incoming;
use tokio::sync::mpsc;

use crate::driver::Request;

/// Inputs of one kind in one round. Whatever floods one queue, each other one gets its turn after so many.
pub(crate) const BUDGET: usize = 64;

/// The queues, the rare and trusted ones in front: no peer on the network can keep them from being served.
#[derive(Debug)]
pub(crate) struct Inputs {
    /// 1. What the owner and control clients ask.
    pub(crate) requests: mpsc::Receiver<Request>,
    /// 2. The directory feed.
    pub(crate) updates: mpsc::Receiver<Update>,
    /// 3. The media thread.
    pub(crate) media: mpsc::Receiver<MediaEvent>,
    /// 4. The network.
    pub(crate) network: mpsc::Receiver<Incoming>,
}

/// What one round takes of each queue, at most [`BUDGET`] each.
#[derive(Debug, Default)]
pub(crate) struct Round {
    pub(crate) requests: Vec<Request>,
    pub(crate) updates: Vec<Update>,
    pub(crate) media: Vec<MediaEvent>,
    pub(crate) network: Vec<Incoming>,
    /// Whoever feeds this queue is gone, and without it the zone cannot go on.
    pub(crate) lost: Option<Lost>,
}

/// What a zone lost that has ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// Its owner.
    #[error("its owner is gone")]
    Owner,
    /// The thread that carries its media.
    #[error("the media thread has ended")]
    Media,
    /// The task that drives it.
    #[error("its driver has ended")]
    Driver,
}

impl Inputs {
    /// Waits until something has come or `timer` is due, and takes a share of everything that waits.
    pub(crate) async fn next_round(&mut self, timer: Option<Instant>, round: &mut Round) {
        let mut timer = pin!(until(timer));
        poll_fn(|context| {
            let is_due = timer.as_mut().poll(context).is_ready();
            let has_come = self.poll_take(context, round);
            if is_due || has_come {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Says whether anything was there to be taken.
    fn poll_take(&mut self, context: &mut Context<'_>, round: &mut Round) -> bool {
        let taken = [
            (
                poll_queue(&mut self.requests, context, &mut round.requests),
                Some(Lost::Owner),
            ),
            // Without a feed the zone serves what it knows.
            (poll_queue(&mut self.updates, context, &mut round.updates), None),
            (
                poll_queue(&mut self.media, context, &mut round.media),
                Some(Lost::Media),
            ),
            // The driver owns the transports: this queue does not end before it.
            (poll_queue(&mut self.network, context, &mut round.network), None),
        ];
        let mut has_come = false;
        for (count, owner) in taken {
            match count {
                Poll::Ready(0) if owner.is_some() => {
                    round.lost = round.lost.or(owner);
                    has_come = true;
                }
                Poll::Ready(0) | Poll::Pending => {}
                Poll::Ready(_) => has_come = true,
            }
        }
        has_come
    }
}

fn poll_queue<T>(
    queue: &mut mpsc::Receiver<T>,
    context: &mut Context<'_>,
    taken: &mut Vec<T>,
) -> Poll<usize> {
    queue.poll_recv_many(context, taken, BUDGET)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::directory::{DigestAlgorithm, Snapshot};
    use sip::flow::ConnectionId;
    use tokio::sync::oneshot;

    use super::*;

    struct Feeds {
        requests: mpsc::Sender<Request>,
        updates: mpsc::Sender<Update>,
        media: mpsc::Sender<MediaEvent>,
        network: mpsc::Sender<Incoming>,
    }

    fn inputs() -> (Inputs, Feeds) {
        let (request_sender, requests) = mpsc::channel(1_024);
        let (update_sender, updates) = mpsc::channel(1_024);
        let (media_sender, media) = mpsc::channel(1_024);
        let (network_sender, network) = mpsc::channel(1_024);
        let feeds = Feeds {
            requests: request_sender,
            updates: update_sender,
            media: media_sender,
            network: network_sender,
        };
        let inputs = Inputs {
            requests,
            updates,
            media,
            network,
        };
        (inputs, feeds)
    }

    fn closed() -> Incoming {
        Incoming::Closed {
            connection: ConnectionId(1),
            cause: net::transport::CloseCause::PeerClosed,
        }
    }

    fn snapshot() -> Update {
        Update::Snapshot(Snapshot::empty(
            "acme".parse().unwrap(),
            "acct-7".to_owned(),
            "acme.example".to_owned(),
            DigestAlgorithm::Sha256,
        ))
    }

    #[tokio::test]
    async fn a09_a_flooded_network_leaves_the_directory_status_and_stop_their_turn() {
        let (mut inputs, feeds) = inputs();
        for _ in 0..1_024 {
            feeds.network.try_send(closed()).unwrap();
        }
        feeds.updates.try_send(snapshot()).unwrap();
        feeds
            .requests
            .try_send(Request::Status(oneshot::channel().0))
            .unwrap();
        feeds.requests.try_send(Request::Stop).unwrap();

        let mut round = Round::default();
        inputs.next_round(None, &mut round).await;

        assert_eq!((round.requests.len(), round.updates.len()), (2, 1));
        assert_eq!(
            round.network.len(),
            BUDGET,
            "and the network no more than its share"
        );
    }

    #[tokio::test]
    async fn a09_a_flooded_media_thread_leaves_the_network_its_turn() {
        let (mut inputs, feeds) = inputs();
        for leg in 0..1_024 {
            let event = media::bridge::Event::FirstPacket {
                leg: media::bridge::LegId(leg),
            };
            feeds.media.try_send(MediaEvent::Bridge(event)).unwrap();
        }
        feeds.network.try_send(closed()).unwrap();

        let mut round = Round::default();
        inputs.next_round(None, &mut round).await;

        assert_eq!((round.media.len(), round.network.len()), (BUDGET, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_round_without_inputs_ends_when_the_timer_is_due() {
        let (mut inputs, _feeds) = inputs();
        let mut round = Round::default();
        let due = tokio::time::Instant::now() + Duration::from_secs(1);

        inputs.next_round(Some(due.into_std()), &mut round).await;

        assert!(tokio::time::Instant::now() >= due && round.lost.is_none());
    }

    #[tokio::test]
    async fn a_feed_that_has_ended_ends_nothing_and_the_media_thread_and_the_owner_end_the_zone() {
        let (mut inputs, feeds) = inputs();
        drop(feeds.updates);
        feeds.network.try_send(closed()).unwrap();
        let mut round = Round::default();
        inputs.next_round(None, &mut round).await;
        assert_eq!((round.network.len(), round.lost), (1, None));

        drop(feeds.media);
        let mut round = Round::default();
        inputs.next_round(None, &mut round).await;
        assert_eq!(round.lost, Some(Lost::Media));

        drop(feeds.requests);
        let mut round = Round::default();
        inputs.next_round(None, &mut round).await;
        assert_eq!(round.lost, Some(Lost::Owner));
    }
}
