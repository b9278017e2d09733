use super::*;

const ALL: [(&str, Format); 11] = [
    ("wav", Format { coding: Coding::Wav(Sample::S16), rate: 24_000 }),
    ("wav", Format { coding: Coding::Wav(Sample::Mulaw), rate: 8_000 }),
    ("pcm", Format { coding: Coding::Raw(Sample::S16), rate: 44_100 }),
    ("mulaw", Format { coding: Coding::Raw(Sample::Mulaw), rate: 8_000 }),
    ("alaw", Format { coding: Coding::Raw(Sample::Alaw), rate: 8_000 }),
    ("flac", Format { coding: Coding::Flac, rate: 24_000 }),
    ("mp3", Format { coding: Coding::Mp3, rate: 44_100 }),
    ("mp3", Format { coding: Coding::Mp3, rate: 24_000 }),
    ("mp3", Format { coding: Coding::Mp3, rate: 22_050 }),
    ("aac", Format { coding: Coding::Aac, rate: 24_000 }),
    ("opus", Format { coding: Coding::Opus, rate: 48_000 }),
];

fn spoken(text: &str, format: Format) -> Vec<u8> {
    let chunks = chunks(&passages(text, 20, 100), format);
    assert!(chunks.windows(2).all(|two| two[0].ms <= two[1].ms));
    chunks.iter().flat_map(|chunk| chunk.bytes.to_vec()).collect()
}

#[test]
fn every_tone_is_heard_in_every_codec() {
    for (kind, format) in ALL {
        for number in 0..TONES {
            let heard =
                hear(kind, format.rate, &spoken(&format!("Number {number} is here."), format)).unwrap();
            assert_eq!(heard.tones(), [number], "{format:?}");
            // 20 ms for each of 17 or 18 characters, and the pause.
            assert!((300..420).contains(&heard.notes[0].ms), "{format:?} {heard:?}");
            assert!((heard.ms - heard.notes[0].ms).abs_diff(PAUSE_MS) < 60, "{format:?} {heard:?}");
        }
    }
}

#[test]
fn a_text_is_heard_sentence_by_sentence() {
    let text = "One is 1. Then comes 2! Is this 3? And 3.5 is no end of 4.\nThe 5th line. 六は6。七は7。";
    for (kind, format) in ALL {
        let body = spoken(text, format);
        let heard = hear(kind, format.rate, &body).unwrap();
        assert_eq!(heard.tones(), [1, 2, 3, 3, 5, 6, 7], "{format:?}");
        assert!(heard.gaps().iter().all(|gap| gap.abs_diff(PAUSE_MS) <= 30), "{format:?} {:?}", heard.gaps());
        assert!(heard.step.is_none_or(|step| step <= heard.steepest()), "{format:?} {heard:?}");
        assert!(heard.whole, "{format:?}");
        // What is cut is heard to be cut.
        let half = hear(kind, format.rate, &body[..(body.len() * 2 / 3) | 1]).unwrap();
        assert!(half.tones().len() < 7 && half.ms < heard.ms, "{format:?}");
        assert_eq!(half.whole, matches!(kind, "mulaw" | "alaw") || format.rate == 8_000, "{format:?}");
    }
}

#[test]
fn what_clicks_or_is_missing_or_comes_twice_is_heard() {
    let samples = |text: &str| -> Vec<i16> {
        let format = Format { coding: Coding::Raw(Sample::S16), rate: 24_000 };
        spoken(text, format).chunks(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
    };
    let all = samples("It is 1. It is 2. It is 3.");
    assert_eq!(listen(&all, 24_000).tones(), [1, 2, 3]);
    // 160 ms of a sentence and 60 of a pause.
    let part = 24 * (160 + 60);
    let missing = [&all[..part], &all[2 * part..]].concat();
    assert_eq!(listen(&missing, 24_000).tones(), [1, 3]);
    let twice = [&all[..2 * part], &all[part..]].concat();
    assert_eq!(listen(&twice, 24_000).tones(), [1, 2, 2, 3]);
    // Cut in the middle of a tone, where it is loud.
    let clicks = [&all[..part + 24 * 80 + 8], &all[2 * part..]].concat();
    let heard = listen(&clicks, 24_000);
    assert!(heard.step.unwrap() > heard.steepest() * 2, "{heard:?}");
    assert_eq!(listen(&all[..0], 24_000).notes, []);
    assert!(listen(&vec![3; 24_000], 24_000).tones().is_empty());
    // Heard at another rate than it was made at, it is something else.
    assert_ne!(listen(&all, 48_000).tones(), [1, 2, 3]);
}

#[test]
fn what_the_lab_did_not_make_is_not_heard() {
    for (kind, body) in [
        ("wav", &b"{\"error\": 1} and so on, more than forty-four bytes"[..]),
        ("mp3", b"<html>"),
        ("opus", b"nothing at all"),
        ("flac", b"fLaX"),
        ("odd", b""),
    ] {
        assert_eq!(hear(kind, 8_000, body), None, "{kind}");
    }
    let mut body = spoken("Some 1 thing.", ALL[6].1);
    body[500] ^= 1;
    assert_eq!(hear("mp3", 0, &body), None);
}
