//! Be heard, and know who heard it: the service side of Oyez in one program.

fn main() {}
