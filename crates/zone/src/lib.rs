//! A running switch: sockets, media senders and disk copies around the switch core.
