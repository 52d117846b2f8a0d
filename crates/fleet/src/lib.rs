//! Simulated phones and endpoints over real sockets, in numbers.
