//! The chunked coding: the same however it is cut.

use super::{below, rounds};
use crate::net::h1::chunked::{BODY_END, Decoder, End, NotChunked, size_line};
use vocab::Dice;

/// The payload, whether the body is over, and what is left behind it; fed in pieces that end at `cuts`.
fn decoded(text: &[u8], cuts: &[usize]) -> Result<(Vec<u8>, bool, usize), NotChunked> {
    let mut decoder = Decoder::default();
    let (mut payload, mut from) = (Vec::new(), 0);
    for cut in cuts.iter().copied().chain([text.len()]) {
        let mut piece = text[from..cut].to_vec();
        let result = decoder.decode(&mut piece);
        payload.extend_from_slice(&piece[result.payload]);
        match result.end {
            End::More => {}
            End::Done { used } => return Ok((payload, true, text.len() - from - used)),
            End::Broken(why) => return Err(why),
        }
        from = cut;
    }
    Ok((payload, false, 0))
}

#[test]
fn a_body_is_the_same_wherever_it_is_cut() {
    let text = b"5\r\nhello\r\n1;name=\"v;a\"\r\n,\r\n0006 \r\n world\r\nA\t;x\r\n0123456789\r\n000;last\r\nX-Sum: 1\r\nX-Two: 2\r\n\r\nGET";
    let whole = decoded(text, &[]).unwrap();
    assert_eq!(whole, (b"hello, world0123456789".to_vec(), true, 3));
    for first in 0..=text.len() {
        for second in first..=text.len() {
            // What lies behind the end is only seen where it comes in the same piece.
            let (payload, done, _) = decoded(text, &[first, second]).unwrap();
            assert_eq!((payload, done), (whole.0.clone(), true), "cut at {first} and {second}");
        }
    }
    let every: Vec<usize> = (1..text.len()).collect();
    assert_eq!(decoded(text, &every).unwrap().0, whole.0);
}

#[test]
fn a_body_that_is_cut_short_is_never_whole() {
    let text = b"5\r\nhello\r\n6\r\n world\r\n0\r\nX: y\r\n\r\n";
    for end in 0..text.len() {
        let (payload, done, _) = decoded(&text[..end], &[]).unwrap();
        assert!(!done, "whole after {end} bytes");
        assert!(b"hello world".starts_with(&payload));
    }
}

#[test]
fn what_is_no_chunk_is_refused() {
    for text in [
        "\r\n",
        "g\r\n",
        " 5\r\nhello\r\n",
        "-1\r\n",
        "+1\r\na\r\n",
        "0x5\r\nhello\r\n",
        "5\nhello\r\n",
        "5\r\nhello\n",
        "5\r\nhello!\r\n",
        "5\r\nhell\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n",
        "5;a\nb\r\nhello\r\n",
        "5;a\n\nhello\r\n",
        "10000000000000000\r\n",
        "fffffffffffffffff\r\n",
        "0\r\n\rX",
        "0\r\nX: 1\rY",
        "0\r\n\0: 1\r\n\r\n",
        "0\r\nno colon\r\n\r\n",
        "5\r\rhello\r\n",
        "5,5\r\nhello\r\n",
    ] {
        assert!(decoded(text.as_bytes(), &[]).is_err(), "{text:?}");
    }
    let long = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(20_000));
    assert!(decoded(long.as_bytes(), &[]).is_err(), "20 KB of chunk extensions");
    let many = format!("0\r\n{}\r\n", "X: 1\r\n".repeat(101));
    assert!(decoded(many.as_bytes(), &[]).is_err(), "101 trailers");
    let large = format!("0\r\nX: {}\r\n\r\n", "1".repeat(17_000));
    assert!(decoded(large.as_bytes(), &[]).is_err(), "17 KB of trailers");
}

#[test]
fn what_came_before_nonsense_is_told_before_it() {
    let mut text = b"3\r\none\r\n3\r\ntwo\r\nnonsense".to_vec();
    let result = Decoder::default().decode(&mut text);
    assert_eq!(&text[result.payload], b"onetwo");
    assert!(matches!(result.end, End::Broken(_)));
}

#[test]
fn what_is_said_in_chunks_is_heard() {
    for seed in rounds(2_000) {
        let mut dice = Dice::seeded(seed);
        let (mut text, mut payload) = (Vec::new(), Vec::new());
        for _ in 0..below(&mut dice, 6) {
            let piece: Vec<u8> = (0..=below(&mut dice, 300)).map(|_| (dice.roll() & 255) as u8).collect();
            size_line(&mut text, piece.len());
            text.extend_from_slice(&piece);
            text.extend_from_slice(b"\r\n");
            payload.extend_from_slice(&piece);
        }
        text.extend_from_slice(BODY_END);
        let cuts = super::cuts(&mut dice, text.len());
        assert_eq!(decoded(&text, &cuts).unwrap(), (payload, true, 0), "seed {seed}");
    }
    for (size, line) in
        [(1, "1\r\n"), (15, "f\r\n"), (16, "10\r\n"), (0xabc, "abc\r\n"), (1 << 20, "100000\r\n")]
    {
        let mut out = Vec::new();
        size_line(&mut out, size);
        assert_eq!(out, line.as_bytes());
    }
}

#[test]
fn chunks_of_one_read_come_in_one_piece() {
    let mut text = b"3\r\none\r\n3\r\ntwo\r\n5\r\nth".to_vec();
    let result = Decoder::default().decode(&mut text);
    assert_eq!(&text[result.payload.clone()], b"onetwoth");
    assert_eq!(result.payload.start, 3, "the first stays where it is");
}
