//! The thread that feeds the sink.
//!
//! A sink may wait: for a sound card, for a disk. So it has a thread of its own with a short queue, and a queue that is full means a
//! sink that has stalled.
//!
//! A sink that failed counts as faulty until a stretch begins in good order: what it lost is lost, however well it takes what follows.
//! One that can be tried without a sound is tried every now and then while it is faulty, and in the middle of a stretch the stretch
//! begins once more: a loudspeaker that was unplugged need not wait for the next page.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use audio::{Sink, SinkError};
use model::status::SinkHealth;
use tokio::sync::mpsc;

/// Orders that may wait: half a second of sound in periods of 20 ms, beginnings and ends among them.
const ORDERS_KEPT: usize = 25;
/// Reports that may wait for the driver.
const REPORTS_KEPT: usize = 64;
/// Time from one try of a faulty sink to the next.
const RETRY: Duration = Duration::from_secs(5);
/// Sound handed to the sink at a time.
pub(crate) const PERIOD: Duration = Duration::from_millis(20);

/// What the sink has to say.
#[derive(Debug)]
pub(crate) enum Report {
    /// The sink is in another state, as far as it knows itself; see [`Player::judge`].
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
    queue: Queue,
    /// What the sink said of itself last.
    own: SinkHealth,
}

/// Whether orders reach the sink.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Queue {
    Flowing,
    /// Orders have been lost since the sink last made room.
    Stalled,
    /// The thread is gone.
    Ended,
}

impl Player {
    /// Starts the thread; the first report says whether the sink is fit.
    pub(crate) fn start(sink: Box<dyn Sink>) -> std::io::Result<(Self, mpsc::Receiver<Report>)> {
        Self::start_trying(sink, RETRY)
    }

    fn start_trying(sink: Box<dyn Sink>, every: Duration) -> std::io::Result<(Self, mpsc::Receiver<Report>)> {
        let (orders, queue) = sync_channel(ORDERS_KEPT);
        let (reports, report_receiver) = mpsc::channel(REPORTS_KEPT);
        thread::Builder::new()
            .name("sound".to_owned())
            .spawn(move || Feeder::new(sink, reports, every).run(&queue))?;
        Ok((
            Self {
                orders,
                queue: Queue::Flowing,
                own: SinkHealth::Faulty {
                    reason: "the output is being opened".to_owned(),
                },
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

    /// Takes what the sink says of itself; gives the health of the whole way to it.
    pub(crate) fn judge(&mut self, own: SinkHealth) -> SinkHealth {
        self.own = own;
        self.health()
    }

    fn order(&mut self, order: Order) -> Option<SinkHealth> {
        let queue = match self.orders.try_send(order) {
            Ok(()) => Queue::Flowing,
            Err(TrySendError::Full(_)) => Queue::Stalled,
            Err(TrySendError::Disconnected(_)) => Queue::Ended,
        };
        let has_changed = std::mem::replace(&mut self.queue, queue) != queue;
        has_changed.then(|| self.health())
    }

    /// The health of the whole way to the sink.
    pub(crate) fn health(&self) -> SinkHealth {
        let reason = match self.queue {
            Queue::Flowing => return self.own.clone(),
            Queue::Stalled => "the output has stalled",
            Queue::Ended => "the output has ended",
        };
        SinkHealth::Faulty {
            reason: reason.to_owned(),
        }
    }
}

/// What the thread does: it owns the sink.
struct Feeder {
    sink: Box<dyn Sink>,
    reports: mpsc::Sender<Report>,
    /// The health of this sink at its best.
    fitness: SinkHealth,
    health: SinkHealth,
    /// The stretch under way.
    stretch: Option<String>,
    retry: Duration,
    tried_at: Instant,
}

impl Feeder {
    fn new(sink: Box<dyn Sink>, reports: mpsc::Sender<Report>, retry: Duration) -> Self {
        let fitness = if sink.is_audible() {
            SinkHealth::Healthy
        } else {
            SinkHealth::Faulty {
                reason: "the output leads nowhere".to_owned(),
            }
        };
        Self {
            sink,
            reports,
            health: fitness.clone(),
            fitness,
            stretch: None,
            retry,
            tried_at: Instant::now(),
        }
    }

    fn run(mut self, orders: &Receiver<Order>) {
        if let Some(Err(error)) = self.sink.probe() {
            self.health = faulty(&error);
        }
        self.tell(Report::Health(self.health.clone()));
        loop {
            match self.next(orders) {
                Ok(order) => self.carry_out(order),
                Err(RecvTimeoutError::Timeout) => self.retry(),
                // The driver is gone.
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// The next order, waited for as long as there is no faulty sink to be tried.
    fn next(&self, orders: &Receiver<Order>) -> Result<Order, RecvTimeoutError> {
        if self.health == self.fitness {
            return orders.recv().map_err(|_| RecvTimeoutError::Disconnected);
        }
        orders.recv_timeout(self.retry.saturating_sub(self.tried_at.elapsed()))
    }

    fn carry_out(&mut self, order: Order) {
        let begins = matches!(order, Order::Begin(_));
        let outcome = match order {
            Order::Begin(label) => {
                let begun = self.sink.begin(&label);
                self.stretch = Some(label);
                begun.map(|()| None)
            }
            Order::Samples(samples) => self.sink.write(&samples).map(|()| None),
            Order::End => {
                self.stretch = None;
                self.sink.end()
            }
        };
        match outcome {
            Ok(file) => {
                if let Some(file) = file {
                    self.tell(Report::Recorded(file));
                }
                if begins {
                    self.set_health(self.fitness.clone());
                }
            }
            // The first error names the cause; those of the same stretch follow from it.
            Err(_) if self.health != self.fitness && !begins => {}
            Err(error) => self.set_health(faulty(&error)),
        }
    }

    /// Tries a faulty sink where that makes no sound; with a stretch under way, what is left of it is played.
    fn retry(&mut self) {
        let tried = match (self.sink.probe(), &self.stretch) {
            (Some(Ok(())), Some(label)) => Some(self.sink.begin(label)),
            (tried, _) => tried,
        };
        match tried {
            Some(Ok(())) => self.set_health(self.fitness.clone()),
            Some(Err(error)) => self.set_health(faulty(&error)),
            None => {}
        }
        self.tried_at = Instant::now();
    }

    fn set_health(&mut self, health: SinkHealth) {
        self.tried_at = Instant::now();
        if self.health != health {
            if let SinkHealth::Faulty { reason } = &health {
                tracing::warn!(%reason, "the output does not take sound");
            }
            self.health = health;
            self.tell(Report::Health(self.health.clone()));
        }
    }

    /// A driver that is gone ends this thread by its queue.
    fn tell(&self, report: Report) {
        let _is_told = self.reports.blocking_send(report).is_ok();
    }
}

fn faulty(error: &SinkError) -> SinkHealth {
    SinkHealth::Faulty {
        reason: error.to_string(),
    }
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

    /// Fails where it is told to, and says after each order that it was carried out.
    struct Script {
        outcomes: Receiver<bool>,
    }

    impl Script {
        fn next(&self) -> Result<(), SinkError> {
            match self.outcomes.recv() {
                Ok(true) => Ok(()),
                Ok(false) | Err(_) => Err(SinkError::NotOpen),
            }
        }
    }

    impl Sink for Script {
        fn name(&self) -> String {
            "script".to_owned()
        }
        fn is_audible(&self) -> bool {
            true
        }
        fn begin(&mut self, _: &str) -> Result<(), SinkError> {
            self.next()
        }
        fn write(&mut self, _: &[i16]) -> Result<(), SinkError> {
            self.next()
        }
        fn end(&mut self) -> Result<Option<PathBuf>, SinkError> {
            self.next().map(|()| Some(PathBuf::from("file")))
        }
    }

    #[tokio::test]
    async fn a_sink_that_failed_is_faulty_until_a_stretch_begins_in_good_order() {
        let (outcomes, script) = sync_channel(16);
        let (mut player, mut reports) = Player::start(Box::new(Script { outcomes: script })).unwrap();
        assert_eq!(health(&mut reports).await, SinkHealth::Healthy);

        for outcome in [false, true, true, true] {
            outcomes.send(outcome).unwrap();
        }
        player.begin("page".to_owned());
        player.play(vec![0]);
        player.end();
        player.begin("page".to_owned());

        let mut told = Vec::new();
        for _ in 0..3 {
            told.push(reports.recv().await.unwrap());
        }
        // The stretch that failed ends, and nothing says before the next one that the sink is fit.
        assert!(
            matches!(
                told[..],
                [
                    Report::Health(SinkHealth::Faulty { .. }),
                    Report::Recorded(_),
                    Report::Health(SinkHealth::Healthy)
                ]
            ),
            "{told:?}"
        );
    }

    #[tokio::test]
    async fn the_end_of_a_stall_does_not_make_a_faulty_sink_healthy() {
        let (open, gate) = sync_channel(0);
        let (mut player, _reports) = Player::start(Box::new(Gate(gate))).unwrap();
        let own = SinkHealth::Faulty {
            reason: "the disk is full".to_owned(),
        };
        assert_eq!(player.judge(own.clone()), own);
        let stalled = (0..ORDERS_KEPT * 3).find_map(|_| player.play(vec![0]));
        assert!(matches!(stalled, Some(SinkHealth::Faulty { reason }) if reason.contains("stalled")));

        open.send(()).unwrap();
        open.send(()).unwrap();

        assert_eq!(player.play(vec![0]), Some(own));
    }

    /// Can be tried, and does in order what it is told by a script.
    struct Card(Receiver<(&'static str, bool)>);

    impl Card {
        fn next(&self, act: &str) -> Result<(), SinkError> {
            let (wanted, outcome) = self.0.recv().map_err(|_| SinkError::NotOpen)?;
            assert_eq!(act, wanted);
            outcome.then_some(()).ok_or(SinkError::NotOpen)
        }
    }

    impl Sink for Card {
        fn name(&self) -> String {
            "card".to_owned()
        }
        fn is_audible(&self) -> bool {
            true
        }
        fn probe(&mut self) -> Option<Result<(), SinkError>> {
            Some(self.next("probe"))
        }
        fn begin(&mut self, label: &str) -> Result<(), SinkError> {
            assert_eq!(label, "page");
            self.next("begin")
        }
        fn write(&mut self, _: &[i16]) -> Result<(), SinkError> {
            self.next("write")
        }
        fn end(&mut self) -> Result<Option<PathBuf>, SinkError> {
            self.next("end").map(|()| None)
        }
    }

    #[tokio::test]
    async fn a_sink_that_is_not_there_at_the_start_is_tried_until_it_is() {
        let (outcomes, script) = sync_channel(16);
        for outcome in [false, false, true] {
            outcomes.send(("probe", outcome)).unwrap();
        }
        let (_player, mut reports) = Player::start_trying(Box::new(Card(script)), Duration::ZERO).unwrap();
        assert!(matches!(health(&mut reports).await, SinkHealth::Faulty { .. }));
        assert_eq!(health(&mut reports).await, SinkHealth::Healthy);
    }

    #[tokio::test]
    async fn a_stretch_that_lost_its_sink_goes_on_when_that_is_back() {
        let (outcomes, script) = sync_channel(16);
        outcomes.send(("probe", true)).unwrap();
        let (mut player, mut reports) = Player::start_trying(Box::new(Card(script)), Duration::ZERO).unwrap();
        assert_eq!(health(&mut reports).await, SinkHealth::Healthy);

        player.begin("page".to_owned());
        player.play(vec![0]);
        for outcome in [
            ("begin", true),
            ("write", false),
            ("probe", false),
            ("probe", true),
        ] {
            outcomes.send(outcome).unwrap();
        }
        outcomes.send(("begin", true)).unwrap();

        assert!(matches!(health(&mut reports).await, SinkHealth::Faulty { .. }));
        assert_eq!(health(&mut reports).await, SinkHealth::Healthy);
    }

    #[test]
    fn a_faulty_sink_is_left_alone_until_it_is_time() {
        let (_outcomes, script) = sync_channel(0);
        let (_orders, queue) = sync_channel(0);
        let (reports, _) = mpsc::channel(REPORTS_KEPT);
        let pause = Duration::from_millis(30);
        let mut feeder = Feeder::new(Box::new(Card(script)), reports, pause);
        feeder.health = faulty(&SinkError::NotOpen);
        let begun = feeder.tried_at;

        assert!(matches!(feeder.next(&queue), Err(RecvTimeoutError::Timeout)));

        assert!(begun.elapsed() >= pause);
    }
}
