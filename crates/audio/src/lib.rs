//! Sound below the line: sinks and sources.
