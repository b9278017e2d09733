//! A file as it goes by: whoever brings it puts it on a tape, and a call plays it.
//!
//! The tape has a window of a fixed size. While the whole file is within it, it can be played from its beginning as often as
//! need be, so that another provider can be asked. A longer file moves through the window at the pace of whoever plays it, and
//! what has left it is gone: from then on nobody else can be asked.

use bytes::{Bytes, BytesMut};
use providers::Measure;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use vocab::Instant;

/// The file is kept in blocks of this size, however small the pieces are that it comes in.
const BLOCK: usize = 64 << 10;
/// A window that is smaller would stand still.
pub const WINDOW_MIN: usize = 4 * BLOCK;

/// See the module.
#[derive(Debug)]
pub struct Tape {
    window: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whole blocks that are within the window, and how many bytes of the file went before them.
    blocks: VecDeque<Bytes>,
    gone: u64,
    /// What comes behind them.
    last: BytesMut,
    /// Bytes within the window.
    held: usize,
    /// Up to where it was played, by whoever plays it now.
    played: u64,
    over: bool,
    /// When something came last.
    latest: Instant,
    measure: Measure,
    player: Option<Waker>,
    recorder: Option<Waker>,
}

impl Tape {
    /// With a window of so many bytes.
    pub fn new(window: usize) -> Arc<Self> {
        Arc::new(Self { window: window.max(WINDOW_MIN), state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ready when there is room for another piece.
    pub fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        state.forget(self.window);
        if state.held < self.window {
            return Poll::Ready(());
        }
        state.recorder = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Whether the window is full, so that more of the file moves it.
    pub fn is_full(&self) -> bool {
        self.state().held >= self.window
    }

    /// The next piece of the file.
    pub fn record(&self, mut piece: &[u8], now: Instant) {
        let mut state = self.state();
        state.measure.feed(piece);
        state.latest = state.latest.max(now);
        state.held += piece.len();
        while !piece.is_empty() {
            if state.last.capacity() == 0 {
                state.last.reserve(BLOCK);
            }
            let here = piece.len().min(BLOCK - state.last.len());
            state.last.extend_from_slice(&piece[..here]);
            piece = &piece[here..];
            if state.last.len() == BLOCK {
                let block = std::mem::take(&mut state.last).freeze();
                state.blocks.push_back(block);
            }
        }
        let player = state.player.take();
        drop(state);
        player.into_iter().for_each(Waker::wake);
    }

    /// Nothing more comes.
    pub fn end(&self, now: Instant) {
        let mut state = self.state();
        state.over = true;
        state.latest = state.latest.max(now);
        let player = state.player.take();
        drop(state);
        player.into_iter().for_each(Waker::wake);
    }

    /// Whether all of the file is there.
    pub fn is_over(&self) -> bool {
        self.state().over
    }

    /// The size of the file, where all of it is there.
    pub fn size(&self) -> Option<u64> {
        let state = self.state();
        state.over.then(|| state.measure.bytes())
    }

    /// When something of the file came last: nobody can have heard it before.
    pub fn latest(&self) -> Instant {
        self.state().latest
    }

    /// How long the file is, or may be where it is not all there, and has `size` bytes at most.
    pub fn length(&self, size: u64) -> vocab::Length {
        let state = self.state();
        state.measure.length(size, state.over)
    }

    /// Milliseconds of sound that went by, counted or estimated. Never zero where anything went by.
    pub fn millis(&self) -> u64 {
        self.state().measure.estimate()
    }

    /// Whether it can be played from the beginning.
    pub fn is_whole(&self) -> bool {
        self.state().gone == 0
    }

    /// From the beginning; None where that is gone. Whoever played it before does not any more.
    pub fn play(self: &Arc<Self>) -> Option<Playing> {
        let mut state = self.state();
        if state.gone > 0 {
            return None;
        }
        state.played = 0;
        drop(state);
        Some(Playing { tape: self.clone(), at: 0 })
    }
}

impl State {
    /// Lets go of blocks that were played, as many as it takes to have room.
    fn forget(&mut self, window: usize) {
        while self.held >= window
            && let Some(first) = self.blocks.front()
            && self.gone + first.len() as u64 <= self.played
        {
            self.gone += first.len() as u64;
            self.held -= first.len();
            self.blocks.pop_front();
        }
    }

    /// What is there from `at` on, up to the end of a block.
    fn read(&self, at: u64) -> Option<Bytes> {
        let mut from = usize::try_from(at.checked_sub(self.gone)?).ok()?;
        // Blocks are all of one size.
        if let Some(block) = self.blocks.get(from / BLOCK) {
            return Some(block.slice(from % BLOCK..));
        }
        from -= self.blocks.len() * BLOCK;
        (from < self.last.len()).then(|| Bytes::copy_from_slice(&self.last[from..]))
    }
}

/// Plays a tape.
#[derive(Debug)]
pub struct Playing {
    tape: Arc<Tape>,
    at: u64,
}

impl Playing {
    /// The next piece; None at the end of the file.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.tape.state();
        let Some(piece) = state.read(self.at) else {
            if state.over {
                return Poll::Ready(None);
            }
            state.player = Some(cx.waker().clone());
            return Poll::Pending;
        };
        self.at += piece.len() as u64;
        state.played = self.at;
        state.forget(self.tape.window);
        let recorder = if state.held < self.tape.window { state.recorder.take() } else { None };
        drop(state);
        recorder.into_iter().for_each(Waker::wake);
        Poll::Ready(Some(piece))
    }
}
