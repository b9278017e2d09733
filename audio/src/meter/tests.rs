use super::*;
use crate::Wrap;
use crate::testing::pieces;
use proptest::prelude::*;

fn measured(mut meter: Meter, bytes: &[u8], sizes: &[usize]) -> (u64, Option<Broken>) {
    for piece in pieces(bytes, sizes) {
        meter.feed(piece);
    }
    (meter.millis(), meter.broken().cloned())
}

fn page(flags: u8, granule: i64, segments: &[u8]) -> Vec<u8> {
    let body = vec![b'O'; segments.iter().map(|n| usize::from(*n)).sum()];
    let head =
        [b"OggS\0", &[flags][..], &granule.to_le_bytes(), &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
    [head, vec![u8::try_from(segments.len()).unwrap()], segments.to_vec(), body].concat()
}

/// A stream of Opus with 312 samples before its first, as encoders make them.
fn opus(granules: &[i64]) -> Vec<u8> {
    let mut first = page(2, 0, &[19]);
    let at = first.len() - 19;
    first[at..].copy_from_slice(b"OpusHead\x01\x01\x38\x01\xc0\x5d\0\0\0\0\0");
    let mut all = [first, page(0, 0, &[255, 255, 10])].concat();
    for granule in granules {
        all.extend(page(0, *granule, &[100, 255, 3]));
    }
    all
}

fn aac(count: usize) -> Vec<u8> {
    // 24 kHz, one channel, 100 bytes with the head: 1024 samples each.
    let length = 100_u8;
    let mut frame = vec![0xff, 0xf1, 0x58, 0x40, length >> 3, (length & 7) << 5 | 0x1f, 0xfc];
    frame.resize(usize::from(length), 0xff);
    frame.repeat(count)
}

#[test]
fn every_codec_is_measured() {
    let second = vec![0; 24_000];
    let mp3: Vec<u8> = {
        let mut frame = vec![0xff, 0xf3, 0x44, 0xc4];
        frame.resize(96, 0);
        frame.repeat(50)
    };
    for (meter, bytes, expected) in [
        (Meter::plain as fn(Plain, u32) -> Meter, Wrap::whole(Plain::Wav, 24_000, &second), 1_000),
        (|_, _| Meter::plain(Plain::Pcm, 24_000), Wrap::whole(Plain::Pcm, 24_000, &second), 1_000),
        (|_, _| Meter::plain(Plain::Mulaw, 8_000), Wrap::whole(Plain::Mulaw, 24_000, &second), 3_000),
        (|_, _| Meter::mp3(), mp3, 1_200),
        // The last page tells nothing, and what is before the first sample does not count.
        (|_, _| Meter::opus(), opus(&[48_312, -1]), 1_000),
        (|_, _| Meter::opus(), [opus(&[48_312]), opus(&[24_312])].concat(), 1_500),
        (|_, _| Meter::opus(), opus(&[]), 0),
        (|_, _| Meter::aac(), aac(24), 1_023),
    ] {
        for size in [1, 13, 4_096] {
            assert_eq!(measured(meter(Plain::Wav, 0), &bytes, &[size]), (expected, None));
        }
    }
}

/// Two frames of silence as the reference encoder writes them (constants in place of samples), the last one shorter.
#[test]
fn flac_is_measured_by_its_frames() {
    let mut stream = b"fLaC\x80\0\0\x22\x10\0\x10\0\0\0\0\0\0\0".to_vec();
    // 24 kHz, one channel, 16 bits, length unknown.
    stream.extend([0x05, 0xdc, 0x00, 0xf0, 0, 0, 0, 0]);
    stream.extend([0; 16]);
    for head in [vec![0xff, 0xf8, 0xc7, 0x08, 0], vec![0xff, 0xf8, 0x77, 0x08, 1, 0x0f, 0x9f]] {
        let sum = head.iter().fold(0_u8, |sum, byte| {
            (0..8).fold(sum ^ byte, |sum, _| if sum & 0x80 == 0 { sum << 1 } else { sum << 1 ^ 7 })
        });
        stream.extend(head);
        // A silent subframe, and the check sum of the frame, which nobody asks for; then something like a head.
        stream.extend([sum, 0, 0, 0, 0xab, 0xcd, 0xff, 0xf8, 0xc7, 0x08, 9, 9]);
    }
    stream.extend([0; 16]);
    for size in [1, 5, 1_000] {
        assert_eq!(measured(Meter::flac(), &stream, &[size]), ((4_096 + 4_000) * 1_000 / 24_000, None));
    }
}

#[test]
fn what_is_something_else_is_measured_as_nothing_and_said() {
    let json = b"{\"error\": \"no such voice, no such voice\"}";
    for meter in [Meter::plain(Plain::Wav, 8_000), Meter::opus(), Meter::flac()] {
        assert!(matches!(measured(meter, json, &[6]), (0, Some(Broken::Foreign(_)))));
    }
    let long = json.repeat(2_000);
    for meter in [Meter::mp3(), Meter::aac()] {
        assert!(matches!(measured(meter, &long, &[600]), (0, Some(Broken::Foreign(_)))));
    }
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_and_no_bytes_do_harm(
        kind in 0_usize..5, good in 0_usize..200,
        noise in proptest::collection::vec(any::<u8>(), 0..400),
        sizes in proptest::collection::vec(1_usize..60, 1..6),
    ) {
        let make = || [Meter::plain(Plain::Wav, 0), Meter::mp3(), Meter::opus(), Meter::aac(), Meter::flac()].into_iter().nth(kind).unwrap();
        let begin = match kind {
            0 => Wrap::whole(Plain::Wav, 8_000, &[0; 99]),
            2 => opus(&[960, 1_920]),
            3 => aac(2),
            4 => b"fLaC\x80\0\0\x22\x10\0\x10\0\0\0\0\0\0\0\x05\xdc\0\xf0\0\0\0\0".to_vec(),
            _ => vec![0xff, 0xf3, 0x44, 0xc4],
        };
        let bytes = [&begin[..good.min(begin.len())], &noise].concat();
        prop_assert_eq!(measured(make(), &bytes, &sizes), measured(make(), &bytes, &[usize::MAX]));
    }
}
