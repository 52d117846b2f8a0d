//! The task of one stream connection: it alone reads, frames and writes.
//!
//! While an idle connection waits it holds its stream, its queue and its timers, and no buffer: bytes
//! are read into the stack and whatever is incomplete is kept by the framer only.

use std::future::{Future, poll_fn};
use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use sip::flow::Flow;
use sip::framing::{Framed, Side, StreamFramer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::byte_budget::Share;
use super::limits::PARTIAL_BYTES_FREE;
use super::liveness::{Due, Liveness};
use super::outbox::{Item, Outbox};
use super::table::DialKey;
use super::{CloseCause, ConnectFailure, Counter, DialToken, Incoming, Shared};

/// Bytes read at once, on the stack: one TLS record.
const READ_BYTES: usize = 16 * 1024;
/// Time for the last bytes and the closing handshake to leave.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes of a broken stream that are read and thrown away at most, so that closing it does not reset the
/// connection before the peer has read its 400.
const DISCARDED_BYTES_MAX: usize = 64 * 1024;
/// RFC 5626 4.4.1: the double CRLF that asks, and the CRLF that answers.
const PING: &[u8] = b"\r\n\r\n";
const PONG: &[u8] = b"\r\n";

/// A stream connection with everything its task owns.
struct Connection<S> {
    stream: S,
    flow: Flow,
    outbox: Arc<Outbox>,
    framer: StreamFramer,
    /// What the framer holds of a long message.
    partial: Share,
    liveness: Liveness,
    sleep: Pin<Box<Sleep>>,
    /// What is being written; empty when nothing is.
    writing: Bytes,
    /// Written bytes may still wait inside the TLS layer.
    needs_flush: bool,
    /// A step found while an event waited for the driver.
    held: Option<Step>,
    /// False after the peer has broken the framing: the rest of the stream has no meaning.
    reads: bool,
}

/// What the task has to do that cannot be done while polling.
enum Step {
    Received,
    Announce(DialToken),
    End(CloseCause),
}

/// Carries the messages of a connection until it ends, then takes it out of the table and reports its end.
/// `dial` is the key that a dialled connection is shared by.
pub(super) async fn carry<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    flow: Flow,
    outbox: Arc<Outbox>,
    liveness: Liveness,
    shared: &Shared,
    dial: Option<&DialKey>,
) {
    let side = if dial.is_some() {
        Side::Dialled
    } else {
        Side::Accepted
    };
    let mut connection = Connection::new(stream, flow, side, Arc::clone(&outbox), liveness, shared);
    let cause = connection.run(shared).await;
    // The stream ends before its end is told.
    drop(connection);
    shared.table.remove(flow.connection);
    if let Some(key) = dial {
        shared.table.forget_dial(key, &outbox);
    }
    for token in outbox.finish() {
        let event = Incoming::ConnectFailed {
            token,
            cause: ConnectFailure::Closed,
        };
        let _is_told = shared.incoming.send(event).await.is_ok();
    }
    let event = Incoming::Closed {
        connection: flow.connection,
        cause,
    };
    let _is_told = shared.incoming.send(event).await.is_ok();
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    fn new(
        stream: S,
        flow: Flow,
        side: Side,
        outbox: Arc<Outbox>,
        liveness: Liveness,
        shared: &Shared,
    ) -> Self {
        Self {
            stream,
            flow,
            outbox,
            framer: StreamFramer::new(side),
            partial: Share::of(&shared.partials),
            liveness,
            sleep: Box::pin(sleep_until(Instant::now())),
            writing: Bytes::new(),
            needs_flush: false,
            held: None,
            reads: true,
        }
    }

    /// Runs until the connection ends and says why. The caller reports it.
    async fn run(&mut self, shared: &Shared) -> CloseCause {
        let incoming = &shared.incoming;
        let cause = loop {
            let result = match poll_fn(|context| self.poll_step(context)).await {
                Step::Received => self.deliver_framed(shared).await,
                Step::Announce(token) => match self.room(incoming).await {
                    Ok(room) => {
                        room.send(Incoming::Connected {
                            token,
                            flow: self.flow,
                        });
                        Ok(())
                    }
                    Err(cause) => Err(cause),
                },
                Step::End(cause) => Err(cause),
            };
            if let Err(cause) = result {
                break cause;
            }
        };
        if cause.is_orderly() {
            // A peer that does not take the farewell in time gets none.
            let _in_time = timeout(FAREWELL_TIMEOUT, self.say_farewell()).await.is_ok();
        }
        cause
    }

    /// Hands on every whole message that has been received.
    async fn deliver_framed(&mut self, shared: &Shared) -> Result<(), CloseCause> {
        while let Some(event) = self.next_framed(shared)? {
            self.room(&shared.incoming).await?.send(event);
        }
        Ok(())
    }

    /// The next event that the received bytes hold; keep-alives are answered here.
    fn next_framed(&mut self, shared: &Shared) -> Result<Option<Incoming>, CloseCause> {
        while self.reads {
            match self.framer.next() {
                Ok(Some(Framed::Message(message))) => {
                    self.liveness.on_message();
                    return Ok(Some(Incoming::Message {
                        flow: self.flow,
                        message,
                    }));
                }
                Ok(Some(Framed::Ping)) => {
                    self.outbox
                        .push(Bytes::from_static(PONG))
                        .map_err(|_| CloseCause::QueueOverflow)?;
                }
                Ok(Some(Framed::Pong)) => {
                    self.liveness.on_pong();
                    return Ok(Some(Incoming::Pong { flow: self.flow }));
                }
                Ok(None) => {
                    self.liveness.on_framed(now(), self.framer.is_within_message());
                    let beyond = self.framer.waiting().saturating_sub(PARTIAL_BYTES_FREE);
                    if !self.partial.hold(beyond) {
                        shared.counters.add(Counter::PartialsRefused);
                        return Err(CloseCause::PartialsFull);
                    }
                    return Ok(None);
                }
                Err(error) => {
                    shared.counters.add(Counter::BadStreams);
                    self.reads = false;
                    self.liveness.on_last_words(now());
                    return Ok(Some(Incoming::BadMessage {
                        flow: self.flow,
                        error,
                    }));
                }
            }
        }
        Ok(None)
    }

    /// Waits for room in the driver's queue, and writes on while that is full.
    async fn room<'queue>(
        &mut self,
        incoming: &'queue mpsc::Sender<Incoming>,
    ) -> Result<mpsc::Permit<'queue, Incoming>, CloseCause> {
        let mut reserve = pin!(incoming.reserve());
        poll_fn(|context| {
            if let Poll::Ready(permit) = reserve.as_mut().poll(context) {
                return Poll::Ready(permit.map_err(|_| CloseCause::Local));
            }
            if self.held.is_none()
                && let Poll::Ready(Some(step)) = self.poll_outbound(context)
            {
                if let Step::End(cause) = step {
                    return Poll::Ready(Err(cause));
                }
                self.held = Some(step);
            }
            Poll::Pending
        })
        .await
    }

    /// Looks first at the timers, then writes, then reads. Reading waits until everything is written: that
    /// slows a peer down that does not read its answers.
    fn poll_step(&mut self, context: &mut Context<'_>) -> Poll<Step> {
        if let Some(step) = self.held.take() {
            return Poll::Ready(step);
        }
        loop {
            match self.liveness.handle_timeout(now(), roll()) {
                Some(Due::Close(cause)) => return Poll::Ready(Step::End(cause)),
                // The queue reports its own overflow below.
                Some(Due::Ping) => self.outbox.push(Bytes::from_static(PING)).unwrap_or_default(),
                None => {}
            }
            match self.poll_outbound(context) {
                Poll::Ready(Some(step)) => return Poll::Ready(step),
                Poll::Ready(None) if self.reads => {
                    if let Poll::Ready(step) = self.poll_read(context) {
                        return Poll::Ready(step);
                    }
                }
                Poll::Ready(None) | Poll::Pending => {}
            }
            if self.arm(context).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Writes until nothing is left (ready, `None`), or the peer takes no more (pending).
    fn poll_outbound(&mut self, context: &mut Context<'_>) -> Poll<Option<Step>> {
        loop {
            if !self.writing.is_empty() {
                match Pin::new(&mut self.stream).poll_write(context, &self.writing) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Some(Step::End(CloseCause::Reset))),
                    Poll::Ready(Ok(count)) => {
                        self.writing.advance(count);
                        self.needs_flush = true;
                        self.liveness.on_written();
                        continue;
                    }
                    Poll::Ready(Err(error)) => {
                        return Poll::Ready(Some(Step::End(CloseCause::from_io(&error))));
                    }
                    Poll::Pending => return self.blocked(context),
                }
            }
            match self.outbox.poll(context) {
                Poll::Ready(Item::Bytes(bytes)) => self.writing = bytes,
                Poll::Ready(Item::Announce(token)) => return Poll::Ready(Some(Step::Announce(token))),
                Poll::Ready(Item::Close(cause)) => return Poll::Ready(Some(Step::End(cause))),
                Poll::Pending => return self.poll_flush(context),
            }
        }
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Option<Step>> {
        if !self.needs_flush {
            return Poll::Ready(None);
        }
        match Pin::new(&mut self.stream).poll_flush(context) {
            Poll::Ready(Ok(())) => {
                self.needs_flush = false;
                self.liveness.on_written();
                Poll::Ready(None)
            }
            Poll::Ready(Err(error)) => Poll::Ready(Some(Step::End(CloseCause::from_io(&error)))),
            Poll::Pending => self.blocked(context),
        }
    }

    fn blocked(&mut self, context: &Context<'_>) -> Poll<Option<Step>> {
        self.liveness.on_write_blocked(now());
        match self.outbox.poll_overflow(context) {
            Poll::Ready(()) => Poll::Ready(Some(Step::End(CloseCause::QueueOverflow))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Step> {
        let mut storage = [MaybeUninit::<u8>::uninit(); READ_BYTES];
        let mut buffer = ReadBuf::uninit(&mut storage);
        Poll::Ready(
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)) {
                Err(error) => Step::End(CloseCause::from_io(&error)),
                Ok(()) if buffer.filled().is_empty() => Step::End(CloseCause::PeerClosed),
                Ok(()) => {
                    self.liveness.on_bytes(now());
                    self.framer.push(buffer.filled());
                    Step::Received
                }
            },
        )
    }

    /// Sets the alarm for the next timer; ready when that is already due.
    fn arm(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.liveness.next_timeout().map(Instant::from_std) else {
            return Poll::Pending;
        };
        if self.sleep.deadline() != deadline {
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(context)
    }

    async fn say_farewell(&mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        let mut discarded = 0;
        while !self.reads && discarded < DISCARDED_BYTES_MAX {
            match poll_fn(|context| self.poll_discard(context)).await? {
                0 => break,
                count => discarded += count,
            }
        }
        Ok(())
    }

    fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut storage = [MaybeUninit::<u8>::uninit(); READ_BYTES];
        let mut buffer = ReadBuf::uninit(&mut storage);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// A random number for the spread of keep-alives; without randomness they are merely less spread.
pub(super) fn roll() -> u8 {
    getrandom::u32().map_or(0, |random| random.to_le_bytes()[0])
}

#[cfg(test)]
mod tests {
    use std::mem::size_of_val;
    use std::sync::atomic::AtomicU8;

    use sip::flow::{ConnectionId, Transport};
    use tokio::io::{AsyncReadExt, DuplexStream};

    use super::super::admission::Admission;
    use super::super::byte_budget::ByteBudget;
    use super::super::table::Table;
    use super::super::{Counters, Limits};
    use super::*;

    /// Bytes that the task of a connection may hold while it waits: its state, and one message that waits for
    /// the driver. A read buffer would be four times as much.
    const TASK_BYTES_MAX: usize = 4_096;

    #[tokio::test]
    async fn t6_a_waiting_connection_holds_no_buffer() {
        let (incoming, _events) = mpsc::channel(1);
        let shared = shared(incoming);
        let (stream, _peer) = tokio::io::duplex(64);

        let task = carry_accepted(stream, &shared, Arc::new(outbox(&shared)));

        assert!(
            size_of_val(&task) <= TASK_BYTES_MAX,
            "{} bytes",
            size_of_val(&task)
        );
    }

    #[tokio::test]
    async fn a_peer_that_goes_on_after_its_fault_is_read_to_the_end_of_the_farewell() {
        let (incoming, mut events) = mpsc::channel(8);
        let shared = shared(incoming);
        let (stream, mut peer) = tokio::io::duplex(64);
        let outbox = Arc::new(outbox(&shared));
        let driver = async {
            assert!(matches!(events.recv().await, Some(Incoming::BadMessage { .. })));
            outbox.push(Bytes::from_static(b"400")).unwrap();
            outbox.close(CloseCause::Local);
        };
        let talking = async {
            peer.write_all(b"OPTIONS sip:a SIP/2.0\r\nContent-Length: x\r\n\r\n")
                .await
                .unwrap();
            let mut answer = [0; 3];
            peer.read_exact(&mut answer).await.unwrap();
            // Far more than fits between the two: it is refused unless it is read.
            peer.write_all(&[b'x'; 4_096]).await.unwrap();
            peer.shutdown().await.unwrap();
            answer
        };

        let ((), (), answer) = tokio::join!(
            carry_accepted(stream, &shared, Arc::clone(&outbox)),
            driver,
            talking
        );

        assert_eq!(&answer, b"400");
    }

    async fn carry_accepted(stream: DuplexStream, shared: &Shared, outbox: Arc<Outbox>) {
        let address = ([127, 0, 0, 1], 5060).into();
        let flow = Flow {
            transport: Transport::Tcp,
            local: address,
            remote: address,
            connection: ConnectionId(1),
        };
        let liveness = Liveness::accepted(now(), &shared.limits);
        carry(stream, flow, outbox, liveness, shared, None).await;
    }

    fn outbox(shared: &Shared) -> Outbox {
        Outbox::new(&shared.limits, &shared.backlog)
    }

    fn shared(incoming: mpsc::Sender<Incoming>) -> Shared {
        let limits = Limits::default();
        Shared {
            admission: Admission::new(&limits),
            backlog: ByteBudget::new(limits.queue_bytes_total_max),
            partials: ByteBudget::new(limits.partial_bytes_total_max),
            table: Table::default(),
            counters: Counters::default(),
            limits,
            incoming,
            code_point: AtomicU8::new(0),
        }
    }
}
