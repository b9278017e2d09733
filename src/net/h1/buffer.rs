//! Reading and writing without holding memory while nothing comes.
//!
//! A core reads into one block after another, whichever connection it reads for; what was read is a slice of the block,
//! and the rest of the block is for the next read. A connection that waits holds nothing.

use bytes::{Bytes, BytesMut};
use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

/// What a read asks for at first.
pub const READ_MIN: usize = 4 << 10;
/// What a read asks for at most, where everything before it was filled.
pub const READ_MAX: usize = 64 << 10;

/// What is not longer is copied behind what is written before it: one piece costs the kernel less than two.
pub const COPIED_MAX: usize = 4 << 10;

/// Read with some bytes to spare, so that a read which brings all that is missing leaves the buffer not quite full: that
/// tells the runtime that the socket is drained, without asking the kernel again.
pub const SPARE: usize = 16;

/// Larger room is not kept.
const SPARE_MAX: usize = 16 << 10;

thread_local! {
    /// The block this core reads into next.
    static BLOCK: Cell<Option<BytesMut>> = const { Cell::new(None) };
    /// Room for what this core writes next.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Room for a message in the making. What is written at once, as nearly everything is, needs none of its own, and what
/// was written last is still in the cache.
pub fn room() -> Vec<u8> {
    ROOM.take()
}

/// Gives back what [`room`] gave, once what was in it is written.
pub fn give_back(mut room: Vec<u8>) {
    if (1..=SPARE_MAX).contains(&room.capacity()) {
        room.clear();
        ROOM.set(room);
    }
}

/// How much a connection's next read asks for: more after a read that was filled, less after one that was not.
#[derive(Clone, Copy, Debug)]
pub struct Appetite(usize);

impl Default for Appetite {
    fn default() -> Self {
        Self(READ_MIN)
    }
}

impl Appetite {
    fn fed(&mut self, read: usize, room: usize) {
        if read == room {
            self.0 = (self.0 * 2).min(READ_MAX);
        } else if read < self.0 / 4 {
            self.0 = (self.0 / 2).max(READ_MIN);
        }
    }
}

/// What there is to read, in a slice of the core's block. Empty at the end of the connection.
pub fn read<T: AsyncRead + Unpin>(
    io: &mut T,
    cx: &mut Context<'_>,
    appetite: &mut Appetite,
) -> Poll<io::Result<BytesMut>> {
    let mut block = BLOCK.take().unwrap_or_default();
    if block.capacity() < appetite.0 {
        // Twice the least, so that a block serves for several small reads.
        block = BytesMut::with_capacity(appetite.0.max(2 * READ_MIN));
    }
    let room = block.capacity();
    let polled = read_into(io, cx, &mut block);
    let result = polled.map_ok(|n| {
        appetite.fed(n, room);
        if n < room / 8 && room > 2 * READ_MIN {
            // A few bytes must not keep a large block from being freed for as long as somebody holds them.
            let few = BytesMut::from(&block[..]);
            block.clear();
            few
        } else {
            block.split()
        }
    });
    BLOCK.set(Some(block));
    result
}

/// Reads into what room `buffer` has; zero at the end of the connection.
pub fn read_into<T: AsyncRead + Unpin>(
    io: &mut T,
    cx: &mut Context<'_>,
    buffer: &mut BytesMut,
) -> Poll<io::Result<usize>> {
    pin!(io.read_buf(buffer)).poll(cx)
}

/// Puts `more` behind what is held already.
pub fn append(held: &mut Bytes, more: BytesMut) {
    if held.is_empty() {
        *held = more.freeze();
        return;
    }
    // Not copied again where it was before, so that what trickles in is not copied for every byte.
    let mut all = std::mem::take(held).try_into_mut().unwrap_or_else(|held| {
        let mut all = BytesMut::with_capacity((held.len() + more.len()).max(READ_MIN));
        all.extend_from_slice(&held);
        all
    });
    all.extend_from_slice(&more);
    *held = all.freeze();
}

/// Writes `pieces` as if they were one, from the byte `at` on, which moves with what was written. Ready when all of it is
/// out.
pub fn write<'a, T: AsyncWrite + Unpin>(
    io: &mut T,
    cx: &mut Context<'_>,
    pieces: impl Iterator<Item = &'a [u8]> + Clone,
    at: &mut usize,
) -> Poll<io::Result<()>> {
    loop {
        let mut slices = [IoSlice::new(&[]); 16];
        let mut count = 0;
        let mut skip = *at;
        for piece in pieces.clone() {
            if skip >= piece.len() {
                skip -= piece.len();
                continue;
            }
            let Some(slot) = slices.get_mut(count) else { break };
            *slot = IoSlice::new(&piece[skip..]);
            skip = 0;
            count += 1;
        }
        if count == 0 {
            return Poll::Ready(Ok(()));
        }
        let wanted: usize = slices[..count].iter().map(|s| s.len()).sum();
        let written = ready!(match &slices[..count] {
            [one] => Pin::new(&mut *io).poll_write(cx, one),
            several => Pin::new(&mut *io).poll_write_vectored(cx, several),
        })?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        *at += written;
        if written == wanted && count < slices.len() {
            return Poll::Ready(Ok(()));
        }
    }
}
