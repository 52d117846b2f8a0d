//! The device core: slots, registrations, calls, sound.
