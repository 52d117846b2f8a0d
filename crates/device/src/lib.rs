//! A running endpoint: sockets, sound and clock around the endpoint core.
