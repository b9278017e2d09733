use super::*;
use crate::testing::pieces;
use proptest::prelude::*;

/// A frame at 24 kHz, 32 kbit/s, one channel: 576 samples, 24 ms, 96 bytes. `mark` tells it from others.
fn frame(mark: u8) -> Vec<u8> {
    let mut frame = vec![0xff, 0xf3, 0x44, 0xc4];
    frame.resize(96, mark);
    frame
}

fn frames(marks: impl IntoIterator<Item = u8>) -> Vec<u8> {
    marks.into_iter().flat_map(frame).collect()
}

/// The silent first frame of encoders, with its table.
fn table(name: &[u8; 4]) -> Vec<u8> {
    let mut frame = frame(0);
    frame[13..17].copy_from_slice(name);
    frame
}

fn tag(length: u8) -> Vec<u8> {
    [b"ID3\x04\x00\x00\x00\x00\x00", &[length][..], &vec![0xff; usize::from(length)]].concat()
}

fn joined(parts: &[(u64, &[u8])], sizes: &[usize]) -> Result<(Vec<u8>, u64), Broken> {
    let (mut joiner, mut out) = (Mp3Joiner::default(), Vec::new());
    for (heard, bytes) in parts {
        joiner.begin(*heard);
        for piece in pieces(bytes, sizes) {
            joiner.feed(piece, &mut out)?;
        }
        joiner.end()?;
    }
    Ok((out, joiner.millis()))
}

/// Figures from ISO 11172-3 and 13818-3, and lengths of frames that encoders are known to make.
#[test]
fn heads_say_how_long_a_frame_is() {
    for (head, rate, bitrate, channels, samples, length) in [
        ([0xff, 0xfb, 0x90, 0x64], 44_100, 128_000, 2, 1152, 417),
        ([0xff, 0xfb, 0x92, 0x64], 44_100, 128_000, 2, 1152, 418),
        ([0xff, 0xfb, 0x94, 0xc4], 48_000, 128_000, 1, 1152, 384),
        ([0xff, 0xfb, 0xe8, 0xc4], 32_000, 320_000, 1, 1152, 1440),
        ([0xff, 0xf3, 0x44, 0xc4], 24_000, 32_000, 1, 576, 96),
        ([0xff, 0xf3, 0x84, 0xc4], 24_000, 64_000, 1, 576, 192),
        ([0xff, 0xf2, 0x80, 0xc4], 22_050, 64_000, 1, 576, 208),
        ([0xff, 0xe3, 0x18, 0xc4], 8_000, 8_000, 1, 576, 72),
    ] {
        let header = Header::read(head).unwrap();
        let found = (header.rate, header.bitrate, header.channels, header.samples, header.length);
        assert_eq!(found, (rate, bitrate, channels, samples, length), "{head:x?}");
    }
    // No sync, layer II, a version that is none, no bit rate told, the bit rate that is none, the rate that is none.
    for head in [
        [0xff, 0x7b, 0x90, 0],
        [0xff, 0xfd, 0x90, 0],
        [0xff, 0xeb, 0x90, 0],
        [0xff, 0xfb, 0x00, 0],
        [0xff, 0xfb, 0xf0, 0],
        [0xff, 0xfb, 0x9c, 0],
    ] {
        assert_eq!(Header::read(head), None, "{head:x?}");
    }
}

#[test]
fn streams_are_put_behind_one_another_without_tags_and_tables() {
    let first = [tag(100), table(b"Info"), frames([1, 2, 3]), [&b"TAG"[..], &[b' '; 125]].concat()].concat();
    let second = [table(b"Xing"), frames([4, 5])].concat();
    for size in [1, 3, 96, 10_000] {
        let (out, millis) = joined(&[(0, &first), (0, &second)], &[size]).unwrap();
        assert_eq!(out, frames([1, 2, 3, 4, 5]));
        assert_eq!(millis, 5 * 24);
    }
    // A table stands first or is none.
    let middle = [frames([1]), table(b"Info")].concat();
    assert_eq!(joined(&[(0, &middle)], &[7]).unwrap().0, middle);
}

#[test]
fn what_was_heard_is_left_out() {
    let stream = [table(b"Info"), frames(1..=10)].concat();
    let (out, millis) = joined(&[(0, &frames([20, 21])), (60, &stream)], &[50]).unwrap();
    assert_eq!(out, [frames([20, 21]), frames(4..=10)].concat());
    assert_eq!(millis, 9 * 24);
    assert_eq!(joined(&[(5_000, &stream)], &[50]).unwrap().0, []);
}

#[test]
fn what_broke_off_in_a_frame_leaves_no_half_of_it() {
    let whole = frames([1, 2]);
    assert_eq!(joined(&[(0, &whole[..150])], &[20]), Err(Broken::Cut("a frame")));
    let (mut joiner, mut out) = (Mp3Joiner::default(), Vec::new());
    joiner.feed(&whole[..150], &mut out).unwrap();
    assert_eq!((joiner.part_millis(), joiner.millis()), (24, 24));
    joiner.begin(24);
    joiner.feed(&whole, &mut out).unwrap();
    joiner.end().unwrap();
    assert_eq!(out, whole);
}

#[test]
fn what_cannot_follow_is_said() {
    let mut other = frame(1);
    other[2] = 0x40;
    other.resize(104, 0);
    assert!(matches!(joined(&[(0, &frames([1])), (0, &other)], &[9]), Err(Broken::Unlike(_))));
    let nothing = vec![b'{'; 70_000];
    assert!(matches!(joined(&[(0, &nothing)], &[999]), Err(Broken::Foreign(_))));
    assert_eq!(joined(&[(0, b"<html>nothing</html>")], &[5]).unwrap().0, []);
}

/// Between frames there may be anything: it is left out, and what is in it that looks like a head of something else too.
#[test]
fn it_finds_its_way_again() {
    let stream = [frames([1, 2]), vec![0, 1, 0xff, 0xfb, 0x90, 0x64, 7], frames([3])].concat();
    for size in [1, 5, 1_000] {
        assert_eq!(joined(&[(0, &stream)], &[size]).unwrap().0, frames([1, 2, 3]));
    }
}

proptest! {
    #[test]
    fn any_cut_gives_the_same(
        parts in proptest::collection::vec((0_u8..5, 0_u8..8, 0_u64..100, proptest::collection::vec(any::<u8>(), 0..40)), 0..4),
        sizes in proptest::collection::vec(1_usize..300, 1..6),
    ) {
        let streams: Vec<(u64, Vec<u8>)> = parts.iter().map(|(kind, count, heard, noise)| {
            let begin = match kind { 0 => tag(*count), 1 => table(b"Info"), 2 => noise.clone(), _ => Vec::new() };
            (*heard, [begin, frames(0..*count), noise.clone(), frames([9])].concat())
        }).collect();
        let parts: Vec<(u64, &[u8])> = streams.iter().map(|(heard, bytes)| (*heard, &bytes[..])).collect();
        let whole = joined(&parts, &[usize::MAX]);
        prop_assert_eq!(joined(&parts, &sizes), whole);
    }
}
