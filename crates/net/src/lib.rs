//! The network below the line: transports, TLS, DNS, media sockets, limits.
