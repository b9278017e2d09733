//! What comes where sound was asked for, and what is asked for it.

use crate::cut;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use providers::openai::{COMPATIBLE, GROQ, OPENAI};
use providers::{Adapter, Address, Cartesia, Deepgram, Elevenlabs, Gemini, OpenAi, Voice, WorkersAi};
use serde_json::{Map, Value};
use std::sync::{Arc, LazyLock};
use vocab::{Caps, Card, Codec, Door, Fault, Instant, Kind, Sound, Speak, Status, Usage, Utterance};

const NOW: Instant = Instant::from_secs(1_795_219_200);

const EVERYBODY: [(&dyn Adapter, &str); 12] = [
    (&OpenAi(&OPENAI), "gpt-4o-mini-tts"),
    (&OpenAi(&OPENAI), "tts-1"),
    (&OpenAi(&GROQ), "canopylabs/orpheus-v1-english"),
    (&OpenAi(&COMPATIBLE), "kokoro"),
    (&Gemini, "gemini-3.8-flash-tts"),
    (&WorkersAi, "@cf/deepgram/aura-1"),
    (&WorkersAi, "@cf/myshell-ai/melotts"),
    (&Elevenlabs, "eleven_flash_v2_5"),
    (&Cartesia, "sonic-3.5"),
    (&Deepgram, "aura-2"),
    (&Deepgram, "aura-2-thalia-en"),
    (&Deepgram, "flux-tts"),
];
const KINDS: [&str; 6] =
    ["", "text/event-stream", "application/json", "audio/mpeg", "application/octet-stream", "audio/wav"];

struct One {
    adapter: &'static dyn Adapter,
    voice: &'static dyn Voice,
    door: Door,
}

static ALL: LazyLock<Vec<One>> = LazyLock::new(|| {
    let one = |(adapter, model): (&'static dyn Adapter, &str)| {
        let card = Card {
            provider: "p".into(),
            model: model.into(),
            kind: Kind::Tts,
            status: Status::Active,
            context: None,
            max_output: None,
            chars_max: None,
            caps: Caps::AUDIO_OUT,
            efforts: vec![],
            reasons_always: false,
            quality: None,
            ttft_ms: None,
            tokens_per_s: None,
            price: None,
            shutdown: None,
        };
        let at = Address { base_url: "http://127.0.0.1:1".into(), key: Some("key".into()), headers: vec![] };
        let door = adapter.door(&at, Arc::new(card), model).expect("a plain address");
        One { adapter, voice: adapter.voice().expect("it speaks"), door }
    };
    EVERYBODY.into_iter().map(one).collect()
});

fn one(byte: u8) -> &'static One {
    &ALL[usize::from(byte) % ALL.len()]
}

/// Whoever is chosen by the first byte hears the same of a reply however it is cut, and knows what it means as an error. The
/// second byte is the kind of the reply, and the third a figure in its head.
pub fn sound(bytes: &[u8]) {
    let [who, kind, figure, rest @ ..] = bytes else { return };
    let one = one(*who);
    let mut head = HeaderMap::new();
    let kind = KINDS[usize::from(*kind) % KINDS.len()];
    if !kind.is_empty() {
        head.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    for name in ["character-cost", "dg-char-count"] {
        head.insert(name, HeaderValue::from(u64::from(*figure) * 1_000_003));
    }
    let (pieces, body) = cut(rest);
    let whole = heard(one, &head, &[body]);
    assert_eq!(whole, heard(one, &head, &pieces), "in {} pieces", pieces.len());
    assert_eq!(whole, heard(one, &head, &body.chunks(1).collect::<Vec<_>>()), "byte by byte");
    assert!(whole.0.len() <= body.len(), "more sound than came");
    for status in [200, 400, 401, 403, 404, 422, 429, 500] {
        let fault = one.adapter.fault(status, &head, body, NOW);
        assert!(fault.message().len() < 700, "{}", fault.message().len());
    }
}

type Outcome = (Vec<u8>, Option<Usage>, bool, Option<Fault>);

fn heard(one: &One, head: &HeaderMap, pieces: &[&[u8]]) -> Outcome {
    let mut hearing = one.voice.hear(&one.door.card, head).expect("every head can be heard");
    let (mut sound, mut fault) = (Vec::new(), None);
    for piece in pieces {
        fault = hearing.read(Bytes::copy_from_slice(piece), &mut sound).err();
        if fault.is_some() {
            break;
        }
    }
    let fault = fault.or_else(|| hearing.end(&mut sound).err());
    (sound.concat(), hearing.usage().copied(), hearing.done(), fault)
}

/// What is wanted is told with its text as it is, where it should go, or refused by a name. Lines: the text, the voice, the
/// language, and an object of further fields.
pub fn speak(bytes: &[u8]) {
    let [who, codec, speed, rest @ ..] = bytes else { return };
    let Ok(rest) = std::str::from_utf8(rest) else { return };
    let one = one(*who);
    let wanted = Sound::of(Codec::ALL[usize::from(*codec) % Codec::ALL.len()]);
    let Some(made) = one.voice.makes(&one.door.card, wanted) else { return };
    let mut lines = rest.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (text, voice, language, extra) = (line(), line(), line(), line());
    let speak = Speak {
        text: text.into(),
        voice: voice.into(),
        sound: wanted,
        speed: (*speed > 0).then(|| u16::from(*speed) * 4),
        language: (!language.is_empty()).then(|| language.into()),
        instructions: None,
        seed: None,
        extra: serde_json::from_str::<Map<String, Value>>(extra).unwrap_or_default(),
    };
    let said = Utterance { text, before: voice, after: language, voice, sound: made, speak: &speak };
    match one.voice.encode(&said, &one.door) {
        Ok(call) => {
            assert_eq!(call.uri.authority(), one.door.uri.authority());
            let path = call.uri.path();
            assert!(path.starts_with(one.door.uri.path()) || path.starts_with(one.door.uri_stream.path()));
            assert!(!path.contains(".."), "{path}");
            let body: Value = serde_json::from_slice(&call.body.concat()).expect("a body is JSON");
            assert!(body.to_string().contains(&Value::from(text).to_string()), "the text as it is");
        }
        Err(Fault::Unfit(why)) => assert!(why.contains(": "), "{why}"),
        Err(fault) => panic!("{fault}"),
    }
    assert_eq!(one.voice.characters(text), text.chars().count() as u64);
}
