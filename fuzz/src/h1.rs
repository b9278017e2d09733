//! The shell's own readers of HTTP/1.1, which know no socket: the same files, as the shell is no library.

#[path = "../../src/net/h1/chunked.rs"]
pub mod chunked;
#[path = "../../src/net/h1/framing.rs"]
pub mod framing;
#[path = "../../src/net/h1/head.rs"]
pub mod head;

/// As in `src/net/h1/mod.rs`.
pub const HEAD_MAX: usize = 64 << 10;
