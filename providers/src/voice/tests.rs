//! Laws that hold for whoever speaks.

use super::*;
use crate::openai::{COMPATIBLE, GROQ, LOCAL_LLAMACPP, OLLAMA, OPENAI, OpenAi, VLLM};
use crate::{
    Adapter, Address, Anthropic, Cartesia, Deepgram, Elevenlabs, Gemini, Responses, WorkersAi, wild,
};
use http::HeaderValue;
use proptest::prelude::*;
use serde_json::{Map, Value};
use std::sync::{Arc, LazyLock};
use vocab::{Codec, Dice, Instant, Kind, Speak};

/// Every way of speaking there is.
const EVERYBODY: [(&dyn Adapter, &str); 17] = [
    (&OpenAi(&OPENAI), "tts-1"),
    (&OpenAi(&OPENAI), "gpt-4o-mini-tts"),
    (&Responses, "gpt-4o-mini-tts"),
    (&OpenAi(&GROQ), "canopylabs/orpheus-v1-english"),
    (&OpenAi(&COMPATIBLE), "kokoro"),
    (&Gemini, "gemini-3.8-flash-tts"),
    (&WorkersAi, "@cf/deepgram/aura-1"),
    (&WorkersAi, "@cf/deepgram/aura-2-en"),
    (&WorkersAi, "@cf/myshell-ai/melotts"),
    (&Elevenlabs, "eleven_v3"),
    (&Elevenlabs, "eleven_flash_v2_5"),
    (&Cartesia, "sonic-3.5"),
    (&Cartesia, "sonic-3.6"),
    (&Deepgram, "aura-2"),
    (&Deepgram, "aura-1"),
    (&Deepgram, "flux-tts"),
    (&Deepgram, "aura-2-thalia-en"),
];

struct One {
    adapter: &'static dyn Adapter,
    voice: &'static dyn Voice,
    door: Door,
}

static ALL: LazyLock<Vec<One>> = LazyLock::new(|| {
    let one = |(adapter, model): (&'static dyn Adapter, &str)| One {
        adapter,
        voice: adapter.voice().unwrap(),
        door: door(adapter, model),
    };
    EVERYBODY.into_iter().map(one).collect()
});

fn door(adapter: &dyn Adapter, model: &str) -> Door {
    let mut card = (*wild::door(&OpenAi(&OPENAI), model, vocab::Caps::empty()).card).clone();
    card.kind = Kind::Tts;
    let at =
        Address { base_url: "https://provider.test/v1".into(), key: Some("secret".into()), headers: vec![] };
    adapter.door(&at, Arc::new(card), model).unwrap()
}

fn speak(text: &str, sound: Sound) -> Speak {
    Speak {
        text: text.into(),
        voice: String::new(),
        sound,
        speed: None,
        language: None,
        instructions: None,
        seed: None,
        extra: Map::new(),
    }
}

/// A voice that it has.
fn voice_of(one: &One) -> &'static str {
    let model = &*one.door.model;
    if model.contains("melotts") { "" } else { "thalia" }
}

#[test]
fn only_who_can_is_asked() {
    for (adapter, can) in [
        (&OpenAi(&OLLAMA) as &dyn Adapter, false),
        (&OpenAi(&VLLM), false),
        (&OpenAi(&LOCAL_LLAMACPP), false),
        (&Anthropic, false),
    ]
    .into_iter()
    .chain(EVERYBODY.map(|(adapter, _)| (adapter, true)))
    {
        assert_eq!((adapter.voice().is_some(), adapter.takes(Kind::Tts)), (can, can), "{adapter:?}");
    }
}

#[test]
fn who_only_speaks_is_asked_for_nothing_else() {
    for adapter in [&Elevenlabs as &dyn Adapter, &Cartesia, &Deepgram] {
        assert!(adapter.expresses().is_empty() && !adapter.passes());
        assert!(!adapter.takes(Kind::Chat) && !adapter.takes(Kind::Embedding) && !adapter.takes(Kind::Image));
        let door = door(adapter, "m");
        let fault = adapter.encode(&vocab::Chat::default(), &door).unwrap_err();
        assert_eq!(fault.name(), "unfit");
        assert_eq!(adapter.decode(b"{}", &mut vec![]).unwrap_err().name(), "unfit");
        assert_eq!(adapter.glance(&Bytes::from("{}")).unwrap_err().name(), "unfit");
        let mut card = (*door.card).clone();
        card.kind = Kind::Chat;
        let at = Address { base_url: "https://p.test".into(), key: None, headers: vec![] };
        let refused = adapter.door(&at, Arc::new(card), "m").unwrap_err();
        assert_eq!(refused.0, "model: a provider of speech is not asked for chat");
    }
}

/// What is made is what is wanted, or samples that it can be made of; whoever makes it can be asked for it, and makes the
/// same of it again.
#[test]
fn what_is_made_is_what_is_wanted_or_can_be_made_of_it() {
    let rates = [
        None,
        Some(8_000),
        Some(11_025),
        Some(16_000),
        Some(22_050),
        Some(24_000),
        Some(44_100),
        Some(96_000),
    ];
    let bits = [None, Some(16_000), Some(32_000), Some(48_000), Some(128_000), Some(320_000)];
    let mut made_so_far = 0;
    for one in ALL.iter() {
        for codec in Codec::ALL {
            for (rate, bitrate) in rates.into_iter().flat_map(|rate| bits.map(|bits| (rate, bits))) {
                let wanted = Sound { codec, rate, bitrate };
                let Some(made) = one.voice.makes(&one.door.card, wanted) else { continue };
                let what = format!("{} {wanted:?} {made:?}", one.door.model);
                assert!(made.codec == codec || (made.codec.is_plain() && codec.is_plain()), "{what}");
                if !codec.is_plain() {
                    assert!(rate.is_none() || made.rate == rate, "{what}");
                    assert!(bitrate.is_none() || made.bitrate == bitrate || codec == Codec::Flac, "{what}");
                }
                assert_eq!(one.voice.makes(&one.door.card, made), Some(made), "{what}");
                // Samples without a header say nothing of themselves.
                assert!(made.rate.is_some() || !made.codec.is_plain() || made.codec == Codec::Wav, "{what}");
                let speak = speak("Hello.", wanted);
                let said = Utterance {
                    text: "Hello.",
                    before: "",
                    after: "",
                    voice: voice_of(one),
                    sound: made,
                    speak: &speak,
                };
                one.voice.encode(&said, &one.door).unwrap_or_else(|fault| panic!("{what}: {fault}"));
                made_so_far += 1;
            }
        }
    }
    assert!(made_so_far > 900, "{made_so_far}");
}

fn heads() -> impl Strategy<Value = HeaderMap> {
    let kinds = proptest::sample::select(
        &["", "audio/mpeg", "audio/wav", "application/json", "text/event-stream; charset=utf-8", "text/html"]
            [..],
    );
    let figures = prop_oneof![
        Just(String::new()),
        (0..2_000_000_u64).prop_map(|n| n.to_string()),
        "[0-9.eE+-]{0,24}",
        any::<u64>().prop_map(|n| n.to_string()),
    ];
    (kinds, figures).prop_map(|(kind, figure)| {
        let mut head = HeaderMap::new();
        if !kind.is_empty() {
            head.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        for name in ["character-cost", "dg-char-count"] {
            if !figure.is_empty() {
                head.insert(name, HeaderValue::from_str(&figure).unwrap());
            }
        }
        head
    })
}

const WORDS: &[&str] = &[
    "type",
    "speech.audio.delta",
    "speech.audio.done",
    "audio",
    "usage",
    "input_tokens",
    "output_tokens",
    "error",
    "message",
    "candidates",
    "content",
    "parts",
    "inlineData",
    "mimeType",
    "data",
    "audio/L16;rate=24000",
    "AAAA",
    "finishReason",
    "STOP",
    "SAFETY",
    "usageMetadata",
    "promptTokenCount",
    "candidatesTokenCount",
    "promptFeedback",
    "blockReason",
    "result",
    "errors",
    "success",
    "code",
    "detail",
    "status",
    "quota_exceeded",
    "error_code",
    "status_code",
    "err_code",
    "err_msg",
    "category",
    "details",
    "voice_not_found",
    "loc",
    "msg",
];

/// Nothing, bytes, JSON, or frames of it.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let json = || wild::json(WORDS).prop_map(|tree| tree.to_string());
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        json().prop_map(String::into_bytes),
        proptest::collection::vec(json(), 0..5).prop_map(|all| all
            .iter()
            .map(|data| format!("data: {data}\r\n\r\n"))
            .collect::<String>()
            .into_bytes()),
    ]
}

type Outcome = (Vec<u8>, Option<Usage>, bool, Option<Fault>);

fn heard(one: &One, head: &HeaderMap, pieces: &[&[u8]]) -> Outcome {
    let mut hearing = one.voice.hear(&one.door.card, head).unwrap();
    let mut sound = vec![];
    let mut fault = None;
    for piece in pieces {
        fault = hearing.read(Bytes::copy_from_slice(piece), &mut sound).err();
        if fault.is_some() {
            break;
        }
    }
    let fault = fault.or_else(|| hearing.end(&mut sound).err());
    assert!(sound.iter().all(|piece| !piece.is_empty()), "sound that is none");
    (sound.concat(), hearing.usage().copied(), hearing.done(), fault)
}

fn cut(body: &[u8], seed: u64) -> Vec<&[u8]> {
    let mut dice = Dice::seeded(seed);
    let (mut rest, mut pieces) = (body, vec![]);
    while !rest.is_empty() {
        let size = usize::try_from(dice.below(40)).unwrap().min(rest.len());
        let (head, tail) = rest.split_at(size);
        pieces.push(head);
        rest = tail;
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_comes_is_the_same_however_it_is_cut(
        who in 0..EVERYBODY.len(), head in heads(), body in bodies(), seed in any::<u64>(),
    ) {
        let one = &ALL[who];
        let whole = heard(one, &head, &[&body]);
        prop_assert_eq!(&heard(one, &head, &cut(&body, seed)), &whole);
        prop_assert_eq!(&heard(one, &head, &body.chunks(1).collect::<Vec<_>>()), &whole);
    }

    #[test]
    fn whatever_is_wanted_is_told_or_refused_by_its_name(
        who in 0..EVERYBODY.len(),
        text in prop_oneof![any::<String>(), Just("Grüße, 你好 👨‍👩‍👧‍👦".to_owned())],
        voice in prop_oneof![Just("thalia".to_owned()), Just(String::new()), any::<String>()],
        speed in proptest::option::of(any::<u16>()),
        language in proptest::option::of(prop_oneof![Just("en".to_owned()), "[a-zA-Z]{2}(-[A-Z]{2})?", any::<String>()]),
        instructions in proptest::option::of(any::<String>()),
        seed in proptest::option::of(any::<u32>()),
        extra in proptest::collection::btree_map(
            proptest::sample::select(&["voice_settings", "generation_config", "tag", "locale", "enable_logging", "model", "x"][..]),
            wild::json(WORDS), 0..3),
    ) {
        let one = &ALL[who];
        let wanted = Sound::of(if one.voice.makes(&one.door.card, Sound::of(Codec::Mp3)).is_some() { Codec::Mp3 } else { Codec::Wav });
        let made = one.voice.makes(&one.door.card, wanted).unwrap();
        let speak = Speak {
            speed, language, instructions, seed,
            extra: extra.into_iter().map(|(field, value)| (field.to_owned(), value)).collect(),
            ..speak(&text, wanted)
        };
        let said = Utterance { text: &text, before: &text, after: &text, voice: &voice, sound: made, speak: &speak };
        match one.voice.encode(&said, &one.door) {
            Ok(call) => {
                prop_assert_eq!(call.uri.authority(), one.door.uri.authority());
                let path = call.uri.path();
                prop_assert!(path.starts_with(one.door.uri.path()) || path.starts_with(one.door.uri_stream.path()));
                prop_assert!(!path.contains(".."));
                let body: Value = serde_json::from_slice(&call.body.concat()).unwrap();
                prop_assert!(body.to_string().contains(&Value::from(&*text).to_string()), "the text is told as it is");
            }
            Err(Fault::Unfit(why)) => prop_assert!(why.contains(": ") && why.len() < 700, "{}", why),
            Err(fault) => prop_assert!(false, "{}", fault),
        }
        prop_assert_eq!(one.voice.characters(&text), text.chars().count() as u64);
        prop_assert!(one.voice.usage(&one.door.card, &text, u64::MAX).counted().count() <= 2);
    }

    #[test]
    fn whatever_error_comes_means_something(
        who in 0..EVERYBODY.len(), status in 200..600_u16, body in bodies(), head in heads(),
    ) {
        let fault = ALL[who].adapter.fault(status, &head, &body, Instant::from_secs(1_795_219_200));
        prop_assert!(fault.message().len() < 700 && !fault.message().contains(char::is_control));
    }
}

#[test]
fn a_document_is_not_read_without_end() {
    let mut head = HeaderMap::new();
    head.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for one in ALL.iter() {
        let mut hearing = one.voice.hear(&one.door.card, &head).unwrap();
        let piece = Bytes::from(vec![b' '; 1 << 20]);
        let most = (0..40).find(|_| hearing.read(piece.clone(), &mut vec![]).is_err());
        assert!(most.is_some_and(|most| most <= 16), "{}: {most:?} MiB", one.door.model);
    }
}

#[test]
fn the_first_byte_tells_a_document_from_sound() {
    fn read(body: &[u8], heard: &mut Heard) -> Result<(), Fault> {
        heard.sound.push(Bytes::from(body.len().to_string()));
        Ok(())
    }
    for (body, is) in [(&b"{}"[..], &b"2"[..]), (b"ID3{", b"ID3{"), (b"", b""), (b" {}", b" {}")] {
        for pieces in [vec![body], body.chunks(1).collect(), vec![&[][..], body]] {
            let (mut hearing, mut out) = (Hearing::either(10, read), vec![]);
            for piece in pieces {
                hearing.read(Bytes::copy_from_slice(piece), &mut out).unwrap();
            }
            hearing.end(&mut out).unwrap();
            assert_eq!(out.concat(), is);
        }
    }
    let mut hearing = Hearing::either(1, read);
    assert!(hearing.read(Bytes::from("{}"), &mut vec![]).is_err());
    assert_eq!(format!("{hearing:?}"), "Hearing { usage: None, done: false, .. }");
}

#[test]
fn each_is_let_in_as_it_wants() {
    let of = |adapter: &dyn Adapter, headers: Vec<(String, String)>| {
        let card = door(&Cartesia, "m").card;
        let at = Address { base_url: "https://p.test/".into(), key: Some(" secret ".into()), headers };
        adapter.door(&at, card, "m").unwrap()
    };
    for (adapter, name, value, path) in [
        (&Elevenlabs as &dyn Adapter, "xi-api-key", "secret", "/v1/text-to-speech"),
        (&Cartesia, "authorization", "Bearer secret", "/tts/bytes"),
        (&Deepgram, "authorization", "Token secret", "/v1/speak"),
        (&OpenAi(&OPENAI), "authorization", "Bearer secret", "/audio/speech"),
    ] {
        let door = of(adapter, vec![]);
        let header = &door.headers[name];
        assert_eq!((header.to_str().unwrap(), header.is_sensitive(), door.uri.path()), (value, true, path));
        assert!(!format!("{door:?}").contains("secret"));
    }
    assert_eq!(of(&Cartesia, vec![]).headers["cartesia-version"], "2026-08-14");
    let pinned = of(&Cartesia, vec![("Cartesia-Version".into(), "2024-11-13".into())]);
    assert_eq!(pinned.headers["cartesia-version"], "2024-11-13", "the operator may pin another date");
    let at = Address { base_url: "https://p.test".into(), key: None, headers: vec![] };
    assert!(
        !Deepgram.door(&at, door(&Deepgram, "m").card, "m").unwrap().headers.contains_key("authorization")
    );
}
