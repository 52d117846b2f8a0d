//! Why the device itself ends a call, and what the other side is told.

use model::status::StopReason;
use paging::Class;
use sip::message::StatusCode;

/// Why the device ends a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// The longest time a page may take is over.
    TooLong,
    /// No packet has come for too long.
    Silent,
    /// What its caller says of its media in the middle of it is of no use.
    NoMedia,
    /// Something more important sounds.
    PreEmpted(Class),
    /// The page goes on in another dialog.
    Moved,
    /// Its caller has left it, and another call takes its place.
    Succeeded,
    /// Somebody has called the cancel extension.
    AlertCancelled,
    /// The announcement that it started is over.
    AnnouncementOver,
    /// No passcode was keyed in in time.
    NoPasscode,
    /// As many wrong passcodes were keyed in as may be.
    WrongPasscode,
    /// A key of the caller's has ended the message.
    Recorded,
    /// Something else sounds, and it was answered before that could be known.
    Busy,
    /// As many messages are kept as may be, and it was answered before that was known.
    NoRoom,
    /// The device leaves the network.
    ShutDown,
}

impl Farewell {
    /// The value of the Reason header (RFC 3326).
    pub(crate) fn reason(self) -> String {
        match self {
            Self::TooLong => "Q.850;cause=31;text=\"longest page time reached\"".to_owned(),
            Self::Silent => "Q.850;cause=41;text=\"no media received\"".to_owned(),
            Self::NoMedia => "SIP;cause=488;text=\"no usable media\"".to_owned(),
            // RFC 4411 section 5.1: cause 1 is pre-emption by the user agent.
            Self::PreEmpted(by) => format!("preemption;cause=1;text=\"{by} takes its place\""),
            Self::Moved => "SIP;cause=200;text=\"page continues in another dialog\"".to_owned(),
            Self::Succeeded => "SIP;cause=200;text=\"another call takes its place\"".to_owned(),
            Self::AlertCancelled => "SIP;cause=200;text=\"alert cancelled\"".to_owned(),
            Self::AnnouncementOver => "SIP;cause=200;text=\"the announcement is over\"".to_owned(),
            Self::NoPasscode => "Q.850;cause=21;text=\"no passcode in time\"".to_owned(),
            Self::WrongPasscode => "Q.850;cause=21;text=\"wrong passcode\"".to_owned(),
            Self::Recorded => "SIP;cause=200;text=\"the message is recorded\"".to_owned(),
            Self::Busy => "Q.850;cause=17;text=\"something else sounds\"".to_owned(),
            Self::NoRoom => "Q.850;cause=17;text=\"too many messages wait to be played\"".to_owned(),
            Self::ShutDown => "SIP;cause=480;text=\"device shuts down\"".to_owned(),
        }
    }

    /// The status for a caller that has not been answered.
    pub(crate) fn refusal(self) -> StatusCode {
        match self {
            Self::TooLong | Self::Silent | Self::ShutDown => StatusCode::TEMPORARILY_UNAVAILABLE,
            Self::NoMedia => StatusCode::NOT_ACCEPTABLE_HERE,
            Self::PreEmpted(_)
            | Self::Moved
            | Self::Succeeded
            | Self::AlertCancelled
            | Self::AnnouncementOver
            | Self::NoPasscode
            | Self::WrongPasscode
            | Self::Recorded
            | Self::Busy
            | Self::NoRoom => StatusCode::BUSY_HERE,
        }
    }

    /// Why what the call played is not heard any more.
    pub(crate) fn stop_reason(self) -> StopReason {
        match self {
            Self::TooLong => StopReason::TimedOut,
            Self::Silent | Self::NoMedia => StopReason::Lost,
            Self::PreEmpted(_) => StopReason::PreEmpted,
            Self::Moved => StopReason::Moved,
            Self::Succeeded
            | Self::AnnouncementOver
            | Self::NoPasscode
            | Self::WrongPasscode
            | Self::Recorded
            | Self::Busy
            | Self::NoRoom => StopReason::Ended,
            Self::AlertCancelled => StopReason::Cancelled,
            Self::ShutDown => StopReason::ShutDown,
        }
    }

    /// Whether the page is over with it, so that its receipt is due.
    pub(crate) fn has_receipt(self) -> bool {
        match self {
            // A page has one receipt: it comes with the dialog the page ends in.
            Self::Moved => false,
            // There was no page yet.
            Self::NoPasscode | Self::WrongPasscode | Self::Recorded | Self::Busy | Self::NoRoom => false,
            Self::TooLong
            | Self::Silent
            | Self::NoMedia
            | Self::PreEmpted(_)
            | Self::Succeeded
            | Self::AlertCancelled
            | Self::AnnouncementOver
            | Self::ShutDown => true,
        }
    }
}
