use super::tape::{Playing, Tape};
use super::upload;
use bytes::Bytes;
use futures::executor::block_on;
use futures::{FutureExt, StreamExt};
use proptest::collection::vec;
use proptest::prelude::*;
use providers::Coding;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use vocab::Instant;

const BLOCK: usize = 64 << 10;

fn there_is_room(tape: &Tape) -> bool {
    tape.poll_room(&mut Context::from_waker(Waker::noop())).is_ready()
}

fn next(playing: &mut Playing) -> Poll<Option<Bytes>> {
    playing.poll_next(&mut Context::from_waker(Waker::noop()))
}

/// All that can be had now.
fn drain(playing: &mut Playing) -> Vec<u8> {
    let mut out = Vec::new();
    while let Poll::Ready(Some(piece)) = next(playing) {
        out.extend_from_slice(&piece);
    }
    out
}

fn sounds(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 31 % 251) as u8).collect()
}

#[test]
fn a_file_within_the_window_is_played_as_often_as_need_be() {
    let tape = Tape::new(0);
    let file = sounds(150_000);
    tape.record(&file, Instant::from_millis(5));
    assert_eq!((tape.size(), tape.is_over()), (None, false));
    let mut first = tape.play().unwrap();
    assert_eq!(drain(&mut first), file);
    assert!(next(&mut first).is_pending());
    tape.end(Instant::from_millis(9));
    assert_eq!(next(&mut first), Poll::Ready(None));
    for _ in 0..3 {
        let mut again = tape.play().unwrap();
        assert_eq!(drain(&mut again), file);
    }
    assert_eq!((tape.size(), tape.latest(), tape.is_whole()), (Some(150_000), Instant::from_millis(9), true));
}

#[test]
fn a_longer_one_moves_and_cannot_be_had_again() {
    let window = 4 * BLOCK;
    let tape = Tape::new(window);
    let block = sounds(BLOCK);
    for _ in 0..4 {
        assert!(there_is_room(&tape));
        tape.record(&block, Instant::ZERO);
    }
    assert!(tape.is_full() && !there_is_room(&tape));
    let mut playing = tape.play().unwrap();
    // Nobody has lost anything before the first block was played.
    assert!(tape.is_whole());
    assert_eq!(next(&mut playing), Poll::Ready(Some(block.clone().into())));
    assert!(there_is_room(&tape) && !tape.is_whole() && tape.play().is_none());
    let mut played = BLOCK;
    for _ in 0..100 {
        assert!(there_is_room(&tape));
        tape.record(&block, Instant::ZERO);
        played += drain(&mut playing).len();
    }
    tape.end(Instant::ZERO);
    played += drain(&mut playing).len();
    assert_eq!((played, tape.size()), (104 * BLOCK, Some(104 * BLOCK as u64)));
}

/// Pieces of a byte cost no more than the bytes.
#[test]
fn small_pieces_are_put_together() {
    let tape = Tape::new(0);
    let file = sounds(2 * BLOCK + 5);
    file.iter().for_each(|byte| tape.record(&[*byte], Instant::ZERO));
    tape.end(Instant::ZERO);
    let mut playing = tape.play().unwrap();
    let mut sizes = Vec::new();
    while let Poll::Ready(Some(piece)) = next(&mut playing) {
        sizes.push(piece.len());
    }
    assert_eq!(sizes, [BLOCK, BLOCK, 5]);
}

/// Whoever waits is woken by whoever it waits for.
#[test]
fn both_wake_one_another() {
    let tape = Tape::new(4 * BLOCK);
    let mut playing = tape.play().unwrap();
    let (bringing, file) = (tape.clone(), sounds(50 * BLOCK + 17));
    let whole = file.clone();
    let bring = async move {
        for piece in file.chunks(10_000) {
            poll_fn(|cx| bringing.poll_room(cx)).await;
            bringing.record(piece, Instant::ZERO);
        }
        bringing.end(Instant::ZERO);
    };
    let play = async move {
        let mut out = Vec::new();
        while let Some(piece) = poll_fn(|cx| playing.poll_next(cx)).await {
            out.extend_from_slice(&piece);
        }
        out
    };
    let ((), out) = block_on(futures::future::join(bring, play));
    assert_eq!(out, whole);
}

fn body(tape: &Arc<Tape>, coding: Coding, size: Option<u64>) -> (Option<u64>, Vec<u8>) {
    let file = tape.play().unwrap();
    let upload = upload(Bytes::from_static(b"<"), coding, Bytes::from_static(b">"), file, size);
    let pieces: Vec<Bytes> = block_on(upload.body.map(|piece| piece.unwrap()).collect());
    (upload.length, pieces.concat())
}

proptest! {
    #[test]
    fn a_body_is_the_file_with_something_around_it(pieces in vec(vec(any::<u8>(), 0..20_000), 0..20)) {
        use base64::Engine as _;
        let tape = Tape::new(4 << 20);
        pieces.iter().for_each(|piece| tape.record(piece, Instant::ZERO));
        tape.end(Instant::ZERO);
        let file = pieces.concat();
        let (length, plain) = body(&tape, Coding::Plain, tape.size());
        prop_assert_eq!(length, Some(plain.len() as u64));
        prop_assert_eq!(&plain[1..plain.len() - 1], &file[..]);
        let (length, coded) = body(&tape, Coding::Base64, tape.size());
        prop_assert_eq!(length, Some(coded.len() as u64));
        let coded = String::from_utf8(coded).unwrap();
        let told = base64::engine::general_purpose::STANDARD.encode(&file);
        prop_assert_eq!(coded, format!("<{told}>"));
    }
}

#[test]
fn a_body_of_unknown_length_says_so() {
    let tape = Tape::new(0);
    tape.record(b"abc", Instant::ZERO);
    let mut playing = upload(Bytes::new(), Coding::Plain, Bytes::new(), tape.play().unwrap(), tape.size());
    assert_eq!(playing.length, None);
    assert_eq!(playing.body.next().now_or_never().flatten().unwrap().unwrap(), "abc");
    assert!(playing.body.next().now_or_never().is_none(), "more may come");
}
