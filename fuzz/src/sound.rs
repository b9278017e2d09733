//! Sound that providers send, and texts that clients want to hear.

use crate::cut;
use audio::{Broken, Lengths, Meter, Mp3Joiner, Plain, Unwrap, Utterances, has_words, sentences};

/// However a WAV file is cut, the same samples come out of it, or the same is said to be wrong with it.
pub fn wav(bytes: &[u8]) {
    let (pieces, text) = cut(bytes);
    let read = |pieces: &[&[u8]]| {
        let (mut unwrap, mut out) = (Unwrap::new(Plain::Wav, 0), Vec::new());
        let read = pieces.iter().try_for_each(|piece| unwrap.feed(piece, &mut out));
        (read.and_then(|()| unwrap.end()), unwrap.rate(), out)
    };
    let whole = read(&[text]);
    assert_eq!(whole, read(&pieces), "in {} pieces", pieces.len());
    assert_eq!(whole, read(&text.chunks(1).collect::<Vec<_>>()), "byte by byte");
    assert!(whole.2.len() <= text.len(), "{} samples out of {} bytes", whole.2.len(), text.len());
    assert!(whole.1 != Some(0), "a rate of nothing");
}

/// However two streams of MP3 are cut, the same frames come out of them, each of them a part of what came, in its order.
pub fn mp3(bytes: &[u8]) {
    let (pieces, text) = cut(bytes);
    let read = |pieces: &[&[u8]], heard: u64| {
        let (mut joiner, mut out) = (Mp3Joiner::default(), Vec::new());
        let read = (0..2).try_for_each(|turn| {
            joiner.begin(turn * heard);
            pieces.iter().try_for_each(|piece| joiner.feed(piece, &mut out))
        });
        (read, joiner.millis(), joiner.part_millis(), out)
    };
    for heard in [0, 30] {
        let whole = read(&[text], heard);
        assert_eq!(whole, read(&pieces, heard), "in {} pieces", pieces.len());
        assert_eq!(whole, read(&text.chunks(1).collect::<Vec<_>>(), heard), "byte by byte");
        assert!(whole.3.len() <= 2 * text.len(), "{} bytes out of twice {}", whole.3.len(), text.len());
        assert!(heard > 0 || whole.0.is_err() || whole.1.abs_diff(2 * whole.2) <= 1, "{whole:?}");
    }
}

/// However a stream is cut, it is as long, and wrong in the same way; more of it is never shorter.
pub fn length(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let (pieces, text) = cut(rest);
    let meter = || match kind % 5 {
        0 => Meter::opus(),
        1 => Meter::aac(),
        2 => Meter::flac(),
        3 => Meter::mp3(),
        _ => Meter::plain(Plain::Wav, 0),
    };
    let read = |pieces: &[&[u8]]| -> (u64, Option<Broken>) {
        let (mut meter, mut so_far) = (meter(), 0);
        for piece in pieces {
            meter.feed(piece);
            // A stream of Opus that begins anew tells what is to be left out of it.
            assert!(meter.millis() >= so_far || kind % 5 == 0, "{} after {so_far}", meter.millis());
            so_far = meter.millis();
        }
        (so_far, meter.broken().cloned())
    };
    let whole = read(&[text]);
    assert_eq!(whole, read(&pieces), "in {} pieces", pieces.len());
    assert_eq!(whole, read(&text.chunks(1).collect::<Vec<_>>()), "byte by byte");
}

/// Sentences and utterances are the text again; no utterance is too long, and none is of blanks alone.
pub fn text(bytes: &[u8]) {
    let Some((most, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    assert_eq!(sentences(text).collect::<String>(), text);
    let most = usize::from(*most).max(1);
    let lengths = Lengths { first: most / 3, usual: most / 2, most };
    let pieces: Vec<&str> = Utterances::of(text, lengths).collect();
    assert_eq!(pieces.concat(), text);
    for piece in &pieces {
        assert!(piece.trim().chars().count() <= most, "{piece:?} is longer than {most}");
        assert!(!piece.trim().is_empty() || text.trim().is_empty(), "{piece:?} is nothing to say");
    }
    assert_eq!(pieces.iter().any(|piece| has_words(piece)), has_words(text));
}
