//! The thread that feeds the sink.
//!
//! A sink may wait: for a sound card, for a disk. So it has a thread of its own with a short queue, and a queue that is full means a
//! sink that has stalled.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use audio::{Sink, SinkError};
use model::status::SinkHealth;
use tokio::sync::mpsc;

/// Orders that may wait: half a second of sound in periods of 20 ms, beginnings and ends among them.
const ORDERS_KEPT: usize = 25;
/// Reports that may wait for the driver.
const REPORTS_KEPT: usize = 64;
/// Sound handed to the sink at a time.
pub(crate) const PERIOD: Duration = Duration::from_millis(20);

/// What the sink has to say.
#[derive(Debug)]
pub(crate) enum Report {
    /// The sink is in another state.
    Health(SinkHealth),
    /// A stretch of sound is in this file.
    Recorded(PathBuf),
}

enum Order {
    Begin(String),
    Samples(Vec<i16>),
    End,
}

/// A sink on its thread.
pub(crate) struct Player {
    orders: SyncSender<Order>,
    has_stalled: bool,
}

impl Player {
    /// Starts the thread; the first report says whether the sink is fit.
    pub(crate) fn start(sink: Box<dyn Sink>) -> std::io::Result<(Self, mpsc::Receiver<Report>)> {
        let (orders, queue) = sync_channel(ORDERS_KEPT);
        let (reports, report_receiver) = mpsc::channel(REPORTS_KEPT);
        thread::Builder::new()
            .name("sound".to_owned())
            .spawn(move || feed(sink, &queue, &reports))?;
        Ok((
            Self {
                orders,
                has_stalled: false,
            },
            report_receiver,
        ))
    }

    /// Begins a stretch.
    pub(crate) fn begin(&mut self, label: String) -> Option<SinkHealth> {
        self.order(Order::Begin(label))
    }

    /// Plays samples. Gives the sink's health when that shows it changed.
    pub(crate) fn play(&mut self, samples: Vec<i16>) -> Option<SinkHealth> {
        self.order(Order::Samples(samples))
    }

    /// Ends a stretch.
    pub(crate) fn end(&mut self) -> Option<SinkHealth> {
        self.order(Order::End)
    }

    fn order(&mut self, order: Order) -> Option<SinkHealth> {
        let faulty = |reason: &str| {
            Some(SinkHealth::Faulty {
                reason: reason.to_owned(),
            })
        };
        match self.orders.try_send(order) {
            Ok(()) if self.has_stalled => {
                self.has_stalled = false;
                Some(SinkHealth::Healthy)
            }
            Ok(()) => None,
            Err(TrySendError::Full(_)) if self.has_stalled => None,
            Err(TrySendError::Full(_)) => {
                self.has_stalled = true;
                faulty("the output has stalled")
            }
            Err(TrySendError::Disconnected(_)) => faulty("the output has ended"),
        }
    }
}

fn feed(mut sink: Box<dyn Sink>, orders: &Receiver<Order>, reports: &mpsc::Sender<Report>) {
    let fitness = if sink.is_audible() {
        SinkHealth::Healthy
    } else {
        SinkHealth::Faulty {
            reason: "the output leads nowhere".to_owned(),
        }
    };
    let mut health = fitness.clone();
    // A driver that is gone ends this thread by its queue.
    let _is_told = reports.blocking_send(Report::Health(fitness.clone())).is_ok();
    while let Ok(order) = orders.recv() {
        let outcome = match order {
            Order::Begin(label) => sink.begin(&label).map(|()| None),
            Order::Samples(samples) => sink.write(&samples).map(|()| None),
            Order::End => sink.end(),
        };
        let found = match &outcome {
            Ok(_) => fitness.clone(),
            Err(error) => SinkHealth::Faulty {
                reason: reason(error),
            },
        };
        if let Ok(Some(file)) = outcome {
            let _is_told = reports.blocking_send(Report::Recorded(file)).is_ok();
        }
        if found != health {
            health = found;
            let _is_told = reports.blocking_send(Report::Health(health.clone())).is_ok();
        }
    }
}

fn reason(error: &SinkError) -> String {
    tracing::warn!(%error, "the output does not take sound");
    error.to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use audio::NullSink;

    use super::*;

    /// Waits in `write` until it is told to go on.
    struct Gate(Receiver<()>);

    impl Sink for Gate {
        fn name(&self) -> String {
            "gate".to_owned()
        }
        fn is_audible(&self) -> bool {
            true
        }
        fn begin(&mut self, _: &str) -> Result<(), SinkError> {
            Ok(())
        }
        fn write(&mut self, _: &[i16]) -> Result<(), SinkError> {
            self.0.recv().map_err(|_| SinkError::Full {
                path: PathBuf::from("gate"),
            })
        }
        fn end(&mut self) -> Result<Option<PathBuf>, SinkError> {
            Ok(None)
        }
    }

    async fn health(reports: &mut mpsc::Receiver<Report>) -> SinkHealth {
        loop {
            if let Report::Health(health) = reports.recv().await.unwrap() {
                return health;
            }
        }
    }

    #[tokio::test]
    async fn a_null_sink_is_reported_as_leading_nowhere() {
        let (_player, mut reports) = Player::start(Box::new(NullSink)).unwrap();
        assert!(matches!(health(&mut reports).await, SinkHealth::Faulty { .. }));
    }

    #[tokio::test]
    async fn a_sink_that_does_not_take_sound_is_seen_to_stall_once() {
        let (_open, gate) = sync_channel(0);
        let (mut player, _reports) = Player::start(Box::new(Gate(gate))).unwrap();
        let changes = (0..ORDERS_KEPT * 3)
            .filter_map(|_| player.play(vec![0]))
            .collect::<Vec<_>>();
        assert!(matches!(changes[..], [SinkHealth::Faulty { .. }]), "{changes:?}");
    }

    #[tokio::test]
    async fn a_sink_that_fails_is_reported_and_reported_again_when_it_is_fit() {
        let (open, gate) = sync_channel(0);
        let (mut player, mut reports) = Player::start(Box::new(Gate(gate))).unwrap();
        assert_eq!(health(&mut reports).await, SinkHealth::Healthy);
        drop(open);
        player.play(vec![0]);
        assert!(matches!(health(&mut reports).await, SinkHealth::Faulty { .. }));
        player.end();
        assert_eq!(health(&mut reports).await, SinkHealth::Healthy);
    }
}
