use super::*;
use crate::testing::{pieces, tone};
use proptest::prelude::*;

fn unwrapped(plain: Plain, bytes: &[u8], sizes: &[usize]) -> Result<(Vec<i16>, Option<u32>), Broken> {
    let (mut unwrap, mut out) = (Unwrap::new(plain, 8_000), Vec::new());
    for piece in pieces(bytes, sizes) {
        unwrap.feed(piece, &mut out)?;
    }
    unwrap.end()?;
    assert_eq!(unwrap.millis(), millis(out.len() as u64, unwrap.rate().unwrap()));
    Ok((out, unwrap.rate()))
}

/// A WAV file of this format with these bytes of samples, and chunks that nobody asked for.
fn file(format: &[u8], samples: &[u8], length: u32) -> Vec<u8> {
    let chunk = |name: &[u8; 4], bytes: &[u8]| {
        let pad = &[0][..bytes.len() % 2];
        [name, &u32::try_from(bytes.len()).unwrap().to_le_bytes()[..], bytes, pad].concat()
    };
    let (format, list) = (chunk(b"fmt ", format), chunk(b"LIST", b"INFO of odd length"));
    let data = [b"data", &length.to_le_bytes()[..], samples].concat();
    [b"RIFF", &u32::MAX.to_le_bytes()[..], b"WAVE", &list, &format, &list, &data].concat()
}

fn format_of(tag: u16, channels: u16, rate: u32, bits: u16) -> Vec<u8> {
    let frame = channels * bits / 8;
    [
        &tag.to_le_bytes()[..],
        &channels.to_le_bytes(),
        &rate.to_le_bytes(),
        &(rate * u32::from(frame)).to_le_bytes(),
        &frame.to_le_bytes(),
        &bits.to_le_bytes(),
    ]
    .concat()
}

#[test]
fn what_was_wrapped_is_unwrapped_again() {
    let sound = tone(440, 8_000, 1_000);
    for plain in [Plain::Wav, Plain::Pcm] {
        assert_eq!(unwrapped(plain, &Wrap::whole(plain, 8_000, &sound), &[7]).unwrap().0, sound);
        let mut bytes = Vec::new();
        let mut wrap = Wrap::new(plain, 8_000);
        wrap.feed(&[], &mut bytes);
        assert!(bytes.is_empty());
        for piece in sound.chunks(33) {
            wrap.feed(piece, &mut bytes);
        }
        assert_eq!(unwrapped(plain, &bytes, &[1, 100]).unwrap(), (sound.clone(), Some(8_000)));
    }
    for plain in [Plain::Mulaw, Plain::Alaw] {
        let heard = unwrapped(plain, &Wrap::whole(plain, 8_000, &sound), &[3]).unwrap().0;
        assert_eq!(heard.len(), sound.len());
        for (a, b) in heard.iter().zip(&sound) {
            assert!(a.abs_diff(*b) <= b.unsigned_abs() / 31 + 16, "{b} became {a}");
        }
    }
}

/// Values of the tables in G.711, brought to sixteen bits.
#[test]
fn telephones_are_understood() {
    let heard = unwrapped(Plain::Mulaw, &[0xff, 0x80, 0x00, 0xf0, 0x8f], &[2]).unwrap().0;
    assert_eq!(heard, [0, 32_124, -32_124, 120, 16_764]);
    let heard = unwrapped(Plain::Alaw, &[0xd5, 0x55, 0xaa, 0x2a], &[3]).unwrap().0;
    assert_eq!(heard, [8, -8, 32_256, -32_256]);
}

#[test]
fn wav_files_of_all_kinds_are_read() {
    let extended =
        [format_of(0xfffe, 1, 16_000, 16), vec![22, 0, 16, 0, 4, 0, 0, 0, 1, 0], vec![0; 14]].concat();
    let floats: Vec<u8> = [0.5_f32, -1.0, 2.0, f32::NAN].iter().flat_map(|f| f.to_le_bytes()).collect();
    for (format, samples, expected) in [
        (format_of(1, 1, 16_000, 16), vec![0x34, 0x12, 0xff, 0xff], vec![0x1234, -1]),
        (format_of(1, 2, 16_000, 16), vec![10, 0, 20, 0, 0xff, 0x7f, 0xff, 0x7f], vec![15, 32_767]),
        (format_of(1, 1, 16_000, 8), vec![128, 0, 255], vec![0, -32_768, 32_512]),
        (format_of(1, 1, 16_000, 24), vec![9, 0x34, 0x12], vec![0x1234]),
        (format_of(1, 1, 16_000, 32), vec![9, 9, 0x34, 0x12], vec![0x1234]),
        (format_of(3, 1, 16_000, 32), floats, vec![16_384, -32_768, 32_767, 0]),
        (format_of(7, 1, 16_000, 8), vec![0x80], vec![32_124]),
        (format_of(6, 1, 16_000, 8), vec![0xaa], vec![32_256]),
        (extended, vec![1, 0], vec![1]),
    ] {
        for length in [u32::try_from(samples.len()).unwrap(), 0, u32::MAX, 0x7fff_ffff] {
            let file = file(&format, &samples, length);
            assert_eq!(unwrapped(Plain::Wav, &file, &[1]).unwrap(), (expected.clone(), Some(16_000)));
        }
    }
    // What is behind the samples is no sound.
    let long = [file(&format_of(1, 1, 8_000, 16), &[1, 0], 2), b"LIST and more".to_vec()].concat();
    assert_eq!(unwrapped(Plain::Wav, &long, &[5]).unwrap().0, [1]);
}

#[test]
fn what_is_no_wav_or_half_of_one_is_said_to_be() {
    let good = file(&format_of(1, 1, 8_000, 16), &[1, 0, 2, 0], 4);
    assert!(unwrapped(Plain::Wav, &good, &[9]).is_ok());
    assert!(matches!(unwrapped(Plain::Wav, b"{\"error\": \"no voice\"}", &[3]), Err(Broken::Foreign(_))));
    assert_eq!(unwrapped(Plain::Wav, &good[..20], &[3]), Err(Broken::Cut("the header")));
    assert_eq!(
        unwrapped(Plain::Wav, &good[..good.len() - 2], &[3]),
        Err(Broken::Cut("what its header tells"))
    );
    assert_eq!(unwrapped(Plain::Pcm, &[1, 0, 2], &[1]), Err(Broken::Cut("a sample")));
    for format in [
        format_of(2, 1, 8_000, 4),
        format_of(1, 0, 8_000, 16),
        format_of(1, 9, 8_000, 16),
        format_of(1, 1, 0, 16),
    ] {
        assert!(matches!(unwrapped(Plain::Wav, &file(&format, &[0], 0), &[5]), Err(Broken::Unread(_))));
    }
    let early = [b"RIFF....WAVEdata", &4_u32.to_le_bytes()[..], &[0; 4]].concat();
    assert!(matches!(unwrapped(Plain::Wav, &early, &[5]), Err(Broken::Foreign(_))));
}

proptest! {
    #[test]
    fn any_cut_gives_the_same(
        samples in proptest::collection::vec(any::<u8>(), 0..200),
        sizes in proptest::collection::vec(1_usize..40, 1..8),
        kind in 0_usize..8,
    ) {
        let formats = [(1, 1, 8), (1, 2, 16), (1, 3, 24), (3, 1, 32), (7, 2, 8)];
        let (plain, bytes) = match formats.get(kind) {
            Some((tag, channels, bits)) => (Plain::Wav, file(&format_of(*tag, *channels, 8_000, *bits), &samples, 0)),
            None => ([Plain::Pcm, Plain::Mulaw, Plain::Alaw][kind - 5], samples),
        };
        prop_assert_eq!(unwrapped(plain, &bytes, &sizes), unwrapped(plain, &bytes, &[10_000]));
    }

    #[test]
    fn foreign_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300), size in 1_usize..50) {
        let start = [b"RIFF....WAVEfmt ".to_vec(), bytes].concat();
        let _ = unwrapped(Plain::Wav, &start, &[size]);
    }
}
