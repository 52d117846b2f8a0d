//! The thread that hears the room.
//!
//! A microphone waits for what it hears, and a canceller calculates. So both have a thread of their own. It hears only while somebody is
//! to hear it; a microphone that is not fit is tried every now and then.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use audio::{EchoCanceller, Microphone, MicrophoneError};
use model::status::SinkHealth;
use tokio::sync::mpsc;

/// Orders that may wait: two seconds of what is played, beginnings and ends among them.
const ORDERS_KEPT: usize = 100;
/// Pieces of sound and reports that may wait for the driver.
const HEARD_KEPT: usize = 16;
/// Time from one try of a faulty microphone to the next.
const RETRY: Duration = Duration::from_secs(5);
/// Pieces of sound a second.
const PIECES: u32 = 50;

/// What the thread has to say.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The microphone is in another state.
    Health(SinkHealth),
    /// What was heard, without what was played.
    Samples(Vec<i16>),
}

enum Order {
    Begin,
    Played(Vec<i16>),
    End,
}

/// A microphone on its thread, or none.
pub(crate) struct Capture {
    orders: Option<SyncSender<Order>>,
    heard: mpsc::Receiver<Heard>,
    is_on: bool,
    rate: u32,
    /// What the microphone has said of itself.
    health: SinkHealth,
}

impl Capture {
    /// Starts the thread, where there is a microphone; the first report says whether it is fit.
    pub(crate) fn start(microphone: Option<Box<dyn Microphone>>, rate: u32) -> std::io::Result<Self> {
        Self::start_trying(microphone, rate, RETRY)
    }

    fn start_trying(
        microphone: Option<Box<dyn Microphone>>,
        rate: u32,
        every: Duration,
    ) -> std::io::Result<Self> {
        let (told, heard) = mpsc::channel(HEARD_KEPT);
        let orders = match microphone {
            None => None,
            Some(microphone) => {
                let (orders, queue) = sync_channel(ORDERS_KEPT);
                thread::Builder::new()
                    .name("microphone".to_owned())
                    .spawn(move || Ear::new(microphone, rate, told, every).run(&queue))?;
                Some(orders)
            }
        };
        Ok(Self {
            orders,
            heard,
            is_on: false,
            rate,
            health: SinkHealth::Faulty {
                reason: endpoint::NO_MICROPHONE.to_owned(),
            },
        })
    }

    /// Another microphone at the same rate, or none.
    pub(crate) fn restart(&self, microphone: Option<Box<dyn Microphone>>) -> std::io::Result<Self> {
        Self::start(microphone, self.rate)
    }

    /// What the thread says next; nothing without one.
    pub(crate) async fn next(&mut self) -> Heard {
        let Some(heard) = self.heard.recv().await else {
            return std::future::pending().await;
        };
        if let Heard::Health(health) = &heard {
            self.health = health.clone();
        }
        heard
    }

    /// What the microphone has said of itself.
    pub(crate) fn health(&self) -> SinkHealth {
        self.health.clone()
    }

    /// Hears the room, or not any more.
    pub(crate) fn set_on(&mut self, is_on: bool) {
        if self.is_on != is_on && self.order(if is_on { Order::Begin } else { Order::End }) {
            self.is_on = is_on;
        }
    }

    /// Says what the loudspeaker is given to play while the room is heard.
    pub(crate) fn played(&self, samples: &[i16]) {
        if self.is_on {
            // What is left out is not cancelled.
            let _is_taken = self.order(Order::Played(samples.to_vec()));
        }
    }

    fn order(&self, order: Order) -> bool {
        self.orders
            .as_ref()
            .is_some_and(|orders| orders.try_send(order).is_ok())
    }
}

/// What the thread does: it owns the microphone.
struct Ear {
    microphone: Box<dyn Microphone>,
    rate: u32,
    canceller: Option<EchoCanceller>,
    heard: mpsc::Sender<Heard>,
    health: Option<SinkHealth>,
    /// Somebody is to hear the room.
    is_wanted: bool,
    is_open: bool,
    retry: Duration,
    tried_at: Instant,
}

impl Ear {
    fn new(microphone: Box<dyn Microphone>, rate: u32, heard: mpsc::Sender<Heard>, retry: Duration) -> Self {
        Self {
            microphone,
            rate,
            canceller: None,
            heard,
            health: None,
            is_wanted: false,
            is_open: false,
            retry,
            tried_at: Instant::now(),
        }
    }

    fn run(mut self, orders: &Receiver<Order>) {
        let fitness = self.microphone.probe();
        self.set_health(&fitness);
        loop {
            match self.next(orders) {
                Ok(order) => {
                    self.carry_out(order);
                    // What is played goes on meanwhile, and must not put the next try off.
                    if self.is_faulty() && self.tried_at.elapsed() >= self.retry {
                        self.try_again();
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.try_again(),
                // The driver is gone.
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while self.is_open {
                match orders.try_recv() {
                    Ok(order) => self.carry_out(order),
                    Err(TryRecvError::Empty) => self.listen(),
                    Err(TryRecvError::Disconnected) => return,
                }
            }
        }
    }

    /// The next order, waited for as long as there is no faulty microphone to be tried.
    fn next(&self, orders: &Receiver<Order>) -> Result<Order, RecvTimeoutError> {
        if !self.is_faulty() {
            return orders.recv().map_err(|_| RecvTimeoutError::Disconnected);
        }
        orders.recv_timeout(self.retry.saturating_sub(self.tried_at.elapsed()))
    }

    fn is_faulty(&self) -> bool {
        self.health != Some(SinkHealth::Healthy)
    }

    /// Tries a faulty microphone; where somebody is to hear the room, that goes on.
    fn try_again(&mut self) {
        if self.is_wanted {
            return self.begin();
        }
        let fitness = self.microphone.probe();
        self.set_health(&fitness);
    }

    fn begin(&mut self) {
        self.canceller = EchoCanceller::new(self.rate);
        let begun = self.microphone.begin();
        self.is_open = begun.is_ok();
        self.set_health(&begun);
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Begin => {
                self.is_wanted = true;
                self.begin();
            }
            Order::Played(samples) => {
                if let Some(canceller) = &mut self.canceller {
                    canceller.played(&samples);
                }
            }
            Order::End => {
                self.is_wanted = false;
                self.close();
            }
        }
    }

    /// Hears one piece.
    fn listen(&mut self) {
        let mut samples = vec![0; usize::try_from(self.rate / PIECES).unwrap_or(1)];
        if let Err(error) = self.microphone.read(&mut samples) {
            self.set_health(&Err(error));
            return self.close();
        }
        let clean = match &mut self.canceller {
            Some(canceller) => {
                let mut clean = Vec::with_capacity(samples.len());
                canceller.heard(&samples, &mut clean);
                clean
            }
            None => samples,
        };
        // A driver that is busy hears later pieces: old ones would only delay them.
        let _is_told = self.heard.try_send(Heard::Samples(clean)).is_ok();
    }

    fn close(&mut self) {
        self.microphone.end();
        self.is_open = false;
        self.canceller = None;
    }

    fn set_health(&mut self, outcome: &Result<(), MicrophoneError>) {
        self.tried_at = Instant::now();
        let health = match outcome {
            Ok(()) => SinkHealth::Healthy,
            Err(error) => SinkHealth::Faulty {
                reason: error.to_string(),
            },
        };
        if self.health.as_ref() == Some(&health) {
            return;
        }
        if let SinkHealth::Faulty { reason } = &health {
            tracing::warn!(%reason, "the microphone gives no sound");
        }
        self.health = Some(health.clone());
        // A driver that is gone ends this thread by its queue.
        let _is_told = self.heard.blocking_send(Heard::Health(health)).is_ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hears ones, or fails where it is told to.
    struct Script(Receiver<bool>);

    impl Microphone for Script {
        fn name(&self) -> String {
            "script".to_owned()
        }
        fn probe(&mut self) -> Result<(), MicrophoneError> {
            Ok(())
        }
        fn begin(&mut self) -> Result<(), MicrophoneError> {
            Ok(())
        }
        fn read(&mut self, samples: &mut [i16]) -> Result<(), MicrophoneError> {
            samples.fill(1);
            match self.0.recv() {
                Ok(true) => Ok(()),
                Ok(false) | Err(_) => Err(MicrophoneError::NotOpen),
            }
        }
        fn end(&mut self) {}
    }

    #[tokio::test]
    async fn the_room_is_heard_while_it_is_wanted_and_a_microphone_that_fails_is_told() {
        let (outcomes, script) = sync_channel(4);
        let mut capture = Capture::start(Some(Box::new(Script(script))), 8_000).unwrap();
        assert!(matches!(capture.next().await, Heard::Health(SinkHealth::Healthy)));

        capture.set_on(true);
        outcomes.send(true).unwrap();
        outcomes.send(false).unwrap();

        assert!(matches!(capture.next().await, Heard::Samples(samples) if samples == [1; 160]));
        assert!(matches!(
            capture.next().await,
            Heard::Health(SinkHealth::Faulty { .. })
        ));
        assert!(matches!(capture.health(), SinkHealth::Faulty { .. }));
    }

    #[tokio::test]
    async fn a_microphone_that_failed_in_a_call_is_heard_again_when_it_is_back() {
        let (outcomes, script) = sync_channel(4);
        let microphone: Box<dyn Microphone> = Box::new(Script(script));
        let mut capture = Capture::start_trying(Some(microphone), 8_000, Duration::ZERO).unwrap();
        assert!(matches!(capture.next().await, Heard::Health(SinkHealth::Healthy)));

        capture.set_on(true);
        outcomes.send(false).unwrap();
        assert!(matches!(
            capture.next().await,
            Heard::Health(SinkHealth::Faulty { .. })
        ));
        outcomes.send(true).unwrap();

        assert!(matches!(capture.next().await, Heard::Health(SinkHealth::Healthy)));
        assert!(matches!(capture.next().await, Heard::Samples(_)));
    }

    #[tokio::test]
    async fn no_microphone_says_nothing() {
        let mut capture = Capture::start(None, 8_000).unwrap();
        capture.set_on(true);
        assert!(capture.heard.try_recv().is_err());
        assert!(!capture.is_on);
    }
}
