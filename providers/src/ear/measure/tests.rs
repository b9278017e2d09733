use super::*;
use proptest::prelude::*;

fn measured(file: &[u8]) -> Measure {
    let mut measure = Measure::default();
    measure.feed(file);
    measure
}

fn wav(format: u16, bits: u16, data: u32, there: usize) -> Vec<u8> {
    let mut out = b"RIFF\xff\xff\xff\xffWAVE".to_vec();
    // A chunk of odd length before the others.
    out.extend_from_slice(b"LIST\x03\0\0\0abc\0fmt \x12\0\0\0");
    for number in [format, 2] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&16_000u32.to_le_bytes());
    // A rate of bytes that is a lie.
    out.extend_from_slice(&999_999u32.to_le_bytes());
    for number in [4u16, bits, 0] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(b"data");
    out.extend_from_slice(&data.to_le_bytes());
    out.resize(out.len() + there, 0);
    out
}

#[test]
fn wav_is_as_long_as_its_samples() {
    // 64,000 bytes a second.
    assert_eq!(measured(&wav(1, 16, 96_000, 96_000)).millis(), Some(1_500));
    assert_eq!(measured(&wav(1, 16, 96_001, 96_001)).millis(), Some(1_501), "a part of a millisecond is one");
    // Who writes while he speaks does not know how much it will be.
    for unknown in [0, u32::MAX] {
        assert_eq!(measured(&wav(1, 16, unknown, 64_000)).millis(), Some(1_000));
    }
    assert_eq!(measured(&wav(0xfffe, 32, 128_000, 128_000)).millis(), Some(1_000));
    // Before the end, the size of all says how much more there may be.
    let begin = &wav(1, 16, u32::MAX, 0);
    let length = measured(begin).length(begin.len() as u64 + 6_400_000, false);
    assert_eq!(length.likely, 100_000);
    assert!((100_000..100_002).contains(&length.most), "{length:?}");
}

/// A frame of MPEG 1 Layer III at 128 kbit/s and 44.1 kHz: 417 bytes, 1,152 samples.
fn mp3(frames: usize, first: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for at in 0..frames {
        let mut frame = vec![0u8; 417];
        frame[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x00]);
        if at == 0 {
            frame[36..36 + first.len()].copy_from_slice(first);
        }
        out.extend_from_slice(&frame);
    }
    out
}

#[test]
fn mp3_is_counted_by_its_frames() {
    let millis = |frames: u64| (frames * 1_152 * 1_000).div_ceil(44_100);
    assert_eq!(measured(&mp3(100, b"")).millis(), Some(millis(100)));
    // What an encoder says of itself is not heard.
    assert_eq!(measured(&mp3(100, b"Xing")).millis(), Some(millis(99)));
    let mut tagged = b"ID3\x04\0\0\0\0\x07\x76".to_vec();
    tagged.resize(10 + 1_014, 0xff);
    tagged.extend_from_slice(&mp3(50, b"Info"));
    // And something in between that is no frame.
    tagged.extend_from_slice(b"garbage\xff\xff\xff");
    tagged.extend_from_slice(&mp3(10, b""));
    assert_eq!(measured(&tagged).millis(), Some(millis(59)));
    let length = measured(&tagged).length(0, true);
    assert_eq!((length.likely, length.most), (millis(59), millis(59)));
}

#[test]
fn adts_is_counted_by_its_frames() {
    let mut frame = [0u8; 200];
    frame[..7].copy_from_slice(&[0xff, 0xf1, 0x50, 0x80, 0x19, 0x1f, 0xfc]);
    assert_eq!(measured(&frame.repeat(44)).millis(), Some((44 * 1_024 * 1_000u64).div_ceil(44_100)));
}

fn page(granule: u64, segments: &[u8], content: &[u8]) -> Vec<u8> {
    let mut out = b"OggS\0\0".to_vec();
    out.extend_from_slice(&granule.to_le_bytes());
    out.extend_from_slice(&[0; 12]);
    out.push(segments.len() as u8);
    out.extend_from_slice(segments);
    out.extend_from_slice(content);
    out
}

#[test]
fn ogg_says_where_it_is() {
    let mut opus = b"OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0".to_vec();
    let mut file = page(0, &[opus.len() as u8], &opus);
    file.extend_from_slice(&page(u64::MAX, &[255, 255], &[0; 510]));
    file.extend_from_slice(&page(48_312, &[100], &[1; 100]));
    assert_eq!(measured(&file).millis(), Some(1_000));
    opus.truncate(0);
    let vorbis = b"\x01vorbis\0\0\0\0\x01\x44\xac\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xb8\x01";
    let mut file = page(0, &[vorbis.len() as u8], vorbis);
    file.extend_from_slice(&page(88_200, &[3], b"abc"));
    assert_eq!(measured(&file).millis(), Some(2_000));
}

#[test]
fn flac_and_mp4_say_how_long_they_are() {
    let mut flac = b"fLaC\x80\0\0\x22".to_vec();
    flac.extend_from_slice(&[0; 10]);
    let packed = 16_000u64 << 44 | 15u64 << 36 | 48_000;
    flac.extend_from_slice(&packed.to_be_bytes());
    flac.extend_from_slice(&[0; 1_000]);
    assert_eq!(measured(&flac).millis(), Some(3_000));
    assert_eq!(measured(&flac).length(0, true).likely, 3_000.min(measured(&flac).length(0, true).most));

    let movie = |version: u8| {
        let mut out = Vec::new();
        out.extend_from_slice(&[version, 0, 0, 0]);
        if version == 1 {
            out.extend_from_slice(&[0; 16]);
            out.extend_from_slice(&1_000u32.to_be_bytes());
            out.extend_from_slice(&4_500u64.to_be_bytes());
        } else {
            out.extend_from_slice(&[0; 8]);
            out.extend_from_slice(&1_000u32.to_be_bytes());
            out.extend_from_slice(&4_500u32.to_be_bytes());
        }
        out.resize(100, 0);
        out
    };
    for version in [0, 1] {
        let mut file = b"\0\0\0\x14ftypM4A \0\0\0\0isom".to_vec();
        // The sound first, of a length in 64 bits.
        file.extend_from_slice(b"\0\0\0\x01mdat\0\0\0\0\0\0\x01\0");
        file.resize(file.len() + 240, 7);
        file.extend_from_slice(b"\0\0\0\x74moov\0\0\0\x6cmvhd");
        file.extend_from_slice(&movie(version));
        assert_eq!(measured(&file).millis(), Some(4_500), "{version}");
    }
}

#[test]
fn unknown_is_never_zero() {
    for file in [
        &b"x"[..],
        b"\x1a\x45\xdf\xa3 a file of Matroska's kind",
        b"RIFF\0\0\0\0WAVE",
        b"OggS",
        b"ID3",
        b"fLaC",
    ] {
        let measure = measured(file);
        assert_eq!(measure.millis(), None, "{file:?}");
        assert!(measure.estimate() > 0, "{file:?}");
        let length = measure.length(1_000_000, false);
        assert!(length.most >= length.likely && length.most > 1_000_000 * 1_000 / 751, "{length:?}");
    }
    assert_eq!(Measure::default().length(100, true), Length::default(), "nothing is nothing");
}

proptest! {
    /// The same whatever pieces it comes in, and never more than a header is held.
    #[test]
    fn pieces_do_not_matter(
        kind in 0usize..6, noise in proptest::collection::vec(any::<u8>(), 0..2_000), size in 1usize..200,
    ) {
        let begin: &[u8] = [&b""[..], b"OggS", b"fLaC\0\0\0\x22", b"\0\0\0\x08ftyp", b"\xff\xfb\x90\0", b"RIFF\0\0\0\0WAVEfmt "][kind];
        let file = [begin, &noise].concat();
        let whole = measured(&file);
        let mut pieces = Measure::default();
        for piece in file.chunks(size) {
            pieces.feed(piece);
            prop_assert!(pieces.held.len() <= HEAD_MAX);
        }
        prop_assert_eq!(pieces.millis(), whole.millis());
        prop_assert_eq!(pieces.bytes(), file.len() as u64);
        let length = whole.length(0, true);
        prop_assert!(length.likely <= length.most);
    }
}
