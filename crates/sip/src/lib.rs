//! SIP without I/O: messages, transactions, dialogs, digest, choice of target.
//!
//! # What it is
//!
//! - [`message`]: received or built octets with an offset table over them, lossless and cheap;
//!   [`header`] and [`uri`] read typed values from it on demand, [`framing`] finds messages in a stream.
//! - [`flow`]: where a message came from and where it goes.
//! - [`digest`]: digest authentication, both sides.
//! - [`locate`]: the servers of a destination, found with a resolver that the caller brings.
//! - [`user_agent`]: transactions, dialogs and INVITE sessions in virtual time, for both ends of a call;
//!   [`registration`] is what a client needs of REGISTER beside it.
//! - [`stun`]: the answer to keep-alives of phones over UDP.
//!
//! ```
//! use sip::message::{Message, Method};
//!
//! let message = Message::parse_datagram(
//!     b"OPTIONS sip:alice@example.com SIP/2.0\r\n\
//!       Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
//!       From: <sip:bob@example.com>;tag=1\r\n\
//!       To: <sip:alice@example.com>\r\n\
//!       Call-ID: 1@192.0.2.1\r\n\
//!       CSeq: 1 OPTIONS\r\n\
//!       \r\n"
//!         .to_vec(),
//! )?;
//! assert_eq!(message.validate(), Ok(()));
//! assert_eq!(message.method(), Some(Method::Options));
//! assert_eq!(message.from()?.tag(), Some("1"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it deliberately does not do
//!
//! It opens no socket, reads no clock and draws no randomness of its own: octets, the time and a seed come
//! in as arguments, octets and events come out as values. It does not resolve names, log, or decide who may
//! call whom.

mod dialog;
pub mod digest;
mod draft;
pub mod flow;
pub mod framing;
pub mod header;
pub mod locate;
pub mod message;
pub mod registration;
mod schedule;
pub mod stun;
mod syntax;
mod transaction;
pub mod uri;
pub mod user_agent;
