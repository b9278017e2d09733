//! Calls and answers of every ear, by their pages.

use super::*;
use crate::catalogue::Catalogue;
use crate::{Adapter, Address, Deepgram, Elevenlabs, OpenAi, WorkersAi, openai};
use serde_json::{Value, json};
use std::sync::Arc;
use vocab::{Bucket, Card, Kind, Listen, Said, Script};

const OPENAI: OpenAi = OpenAi(&openai::OPENAI);
const GROQ: OpenAi = OpenAi(&openai::GROQ);
const PLAIN: OpenAi = OpenAi(&openai::COMPATIBLE);

fn door(adapter: &dyn Adapter, base_url: &str, model: &str) -> Door {
    let some = Catalogue::embedded().unwrap().find("openai", "whisper-1").unwrap().card.clone();
    let card = Arc::new(Card { model: model.into(), kind: Kind::Stt, ..Card::clone(&some) });
    let at = Address { base_url: base_url.into(), key: Some("sk-secret".into()), headers: vec![] };
    adapter.door(&at, card, model).unwrap()
}

fn listen(script: Script) -> Listen {
    Listen { file: "speech.mp3".into(), mime: "audio/mpeg".into(), script, ..Listen::default() }
}

fn framed(adapter: &dyn Adapter, door: &Door, listen: &Listen) -> Result<(Framed, String, String), Fault> {
    let framed = adapter.ear().unwrap().encode(listen, door, "b1")?;
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    let (before, after) = (text(&framed.before), text(&framed.after));
    Ok((framed, before, after))
}

fn refused(adapter: &dyn Adapter, model: &str, listen: &Listen) -> String {
    let door = door(adapter, "https://api.example.com", model);
    match framed(adapter, &door, listen) {
        Err(Fault::Unfit(why)) => why.split_once(':').unwrap().0.to_owned(),
        other => panic!("{model}: {other:?}"),
    }
}

fn read(adapter: &dyn Adapter, model: &str, listen: &Listen, body: &Value) -> Result<Understood, Fault> {
    let door = door(adapter, "https://api.example.com/client/v4/accounts/1", model);
    adapter.ear().unwrap().read(listen, &door, &Bytes::from(body.to_string()))
}

fn kind(framed: &Framed) -> &str {
    framed.call.headers.get("content-type").unwrap().to_str().unwrap()
}

#[test]
fn openais_form_has_the_file_last() {
    let door = door(&OPENAI, "https://api.openai.com/v1", "whisper-1");
    let asked = Listen {
        language: Some("en".into()),
        prompt: Some("two\nlines \"quoted\"".into()),
        temperature: Some("0.2".into()),
        file: "a\"; name=\"model\r\n.mp3".into(),
        mime: "audio/mpeg\r\nx: y".into(),
        extra: vec![("include[]".into(), "logprobs".into())],
        ..listen(Script::Json)
    };
    let (framed, before, after) = framed(&OPENAI, &door, &asked).unwrap();
    assert_eq!(framed.call.uri, "https://api.openai.com/v1/audio/transcriptions");
    assert_eq!(kind(&framed), "multipart/form-data; boundary=b1");
    assert!(framed.call.headers.get("authorization").is_some_and(http::HeaderValue::is_sensitive));
    let field = |name: &str, value: &str| {
        format!("--b1\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let fields = [
        ("model", "whisper-1"),
        ("response_format", "verbose_json"),
        ("language", "en"),
        ("prompt", "two\nlines \"quoted\""),
        ("temperature", "0.2"),
        ("include[]", "logprobs"),
    ];
    let fields: String = fields.into_iter().map(|(name, value)| field(name, value)).collect();
    let file = "--b1\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a%22; name=%22model%0D%0A.mp3\"\r\n\
                content-type: audio/mpeg\r\n\r\n";
    // A kind with a line end in it is none; the name says what it is.
    assert_eq!(before, fields + file);
    assert_eq!((after.as_str(), framed.coding), ("\r\n--b1--\r\n", Coding::Plain));
}

#[test]
fn formats_are_asked_for_as_each_has_them() {
    let format = |adapter: &OpenAi, model: &str, script| {
        let door = door(adapter, "https://api.example.com/v1", model);
        let (_, before, _) = framed(adapter, &door, &listen(script)).ok()?;
        let (_, rest) = before.split_once("name=\"response_format\"\r\n\r\n")?;
        Some(rest.split("\r\n").next()?.to_owned())
    };
    let verbose = Some("verbose_json".to_owned());
    for script in [Script::Json, Script::Text, Script::Srt, Script::Vtt, Script::Verbose] {
        assert_eq!(format(&OPENAI, "whisper-1", script), verbose, "{script:?}");
        // "json, text, verbose_json": the others are made of it.
        assert_eq!(format(&GROQ, "whisper-large-v3-turbo", script), verbose, "{script:?}");
        let plain = if script.is_timed() { verbose.clone() } else { Some("json".into()) };
        assert_eq!(format(&PLAIN, "nvidia/parakeet", script), plain, "{script:?}");
        let timeless = (!script.is_timed()).then(|| "json".to_owned());
        assert_eq!(format(&OPENAI, "gpt-4o-transcribe", script), timeless, "{script:?}");
    }
    let diarized = format(&OPENAI, "gpt-4o-transcribe-diarize", Script::Diarized);
    assert_eq!(diarized.as_deref(), Some("diarized_json"));
    assert_eq!(refused(&OPENAI, "whisper-1", &listen(Script::Diarized)), "response_format");
    let words = Listen { words: true, ..listen(Script::Verbose) };
    let (_, before, _) =
        framed(&GROQ, &door(&GROQ, "https://api.groq.com/openai/v1", "whisper-large-v3"), &words).unwrap();
    assert!(before.contains("name=\"timestamp_granularities[]\"\r\n\r\nword\r\n"));
    assert!(!before.contains("segment\r\n"));
}

#[test]
fn translations_have_a_path_of_their_own() {
    let asked = Listen { translate: true, ..listen(Script::Verbose) };
    let door = door(&GROQ, "https://api.groq.com/openai/v1", "whisper-large-v3");
    let (framed, before, _) = framed(&GROQ, &door, &asked).unwrap();
    assert_eq!(framed.call.uri, "https://api.groq.com/openai/v1/audio/translations");
    assert!(!before.contains("timestamp"));
    assert_eq!(refused(&GROQ, "whisper-large-v3-turbo", &asked), "model");
    let words = Listen { translate: true, ..listen(Script::Json) };
    assert_eq!(refused(&OPENAI, "gpt-4o-transcribe", &words), "model");
    assert_eq!(refused(&Deepgram, "nova-3", &asked), "model");
    assert_eq!(refused(&Elevenlabs, "scribe_v2", &asked), "model");
    assert_eq!(refused(&WorkersAi, "@cf/openai/whisper", &asked), "model");
    let told = Listen { language: Some("de".into()), ..asked };
    assert_eq!(refused(&OPENAI, "whisper-1", &told), "language");
}

#[test]
fn deepgram_is_asked_in_the_query() {
    let door = door(&Deepgram, "https://api.deepgram.com", "nova-3");
    let (framed, before, after) = framed(&Deepgram, &door, &listen(Script::Json)).unwrap();
    assert_eq!(
        framed.call.uri,
        "https://api.deepgram.com/v1/listen?model=nova-3&smart_format=true&detect_language=true"
    );
    assert_eq!((kind(&framed), before.as_str(), after.as_str()), ("audio/mpeg", "", ""));
    let asked = Listen { language: Some("pt-BR&x=y".into()), ..listen(Script::Srt) };
    let (framed, ..) = self::framed(&Deepgram, &door, &asked).unwrap();
    assert_eq!(
        framed.call.uri.query(),
        Some("model=nova-3&smart_format=true&language=pt-BR%26x%3Dy&utterances=true")
    );
    let prompt = Listen { prompt: Some("names".into()), ..listen(Script::Json) };
    assert_eq!(refused(&Deepgram, "nova-3", &prompt), "prompt");
    let warm = Listen { temperature: Some("1".into()), ..listen(Script::Json) };
    assert_eq!(refused(&Deepgram, "nova-3", &warm), "temperature");
}

#[test]
fn workers_ai_takes_bytes_or_base64() {
    let base = "https://api.cloudflare.com/client/v4/accounts/1";
    let turbo = door(&WorkersAi, base, "@cf/openai/whisper-large-v3-turbo");
    let asked = Listen { language: Some("en".into()), prompt: Some("\"hi\"".into()), ..listen(Script::Vtt) };
    let (framed, before, after) = framed(&WorkersAi, &turbo, &asked).unwrap();
    assert_eq!(framed.coding, Coding::Base64);
    let whole: Value = serde_json::from_str(&format!("{before}UklGRg=={after}")).unwrap();
    assert_eq!(
        whole,
        json!({"task": "transcribe", "language": "en", "initial_prompt": "\"hi\"", "audio": "UklGRg=="})
    );
    assert_eq!(kind(&framed), "application/json");
    for model in ["@cf/openai/whisper", "@cf/deepgram/nova-3"] {
        let raw = door(&WorkersAi, base, model);
        let (framed, before, after) = self::framed(&WorkersAi, &raw, &listen(Script::Vtt)).unwrap();
        assert_eq!(
            (kind(&framed), before.len() + after.len(), framed.coding),
            ("audio/mpeg", 0, Coding::Plain)
        );
        assert_eq!(refused(&WorkersAi, model, &asked), "prompt");
        let bound = door(&WorkersAi, "binding://AI", model);
        assert!(self::framed(&WorkersAi, &bound, &listen(Script::Vtt)).is_err());
    }
    let bound = door(&WorkersAi, "binding://AI", "@cf/openai/whisper-large-v3-turbo");
    assert!(self::framed(&WorkersAi, &bound, &asked).is_ok());
}

#[test]
fn scribe_is_asked_by_a_form_of_its_own() {
    let door = door(&Elevenlabs, "https://api.elevenlabs.io", "scribe_v2");
    let asked = Listen { language: Some("de".into()), ..listen(Script::Srt) };
    let (framed, before, _) = framed(&Elevenlabs, &door, &asked).unwrap();
    assert_eq!(framed.call.uri, "https://api.elevenlabs.io/v1/speech-to-text");
    for (name, value) in [
        ("model_id", "scribe_v2"),
        ("tag_audio_events", "false"),
        ("timestamps_granularity", "word"),
        ("language_code", "de"),
    ] {
        assert!(before.contains(&format!("name=\"{name}\"\r\n\r\n{value}\r\n")), "{before}");
    }
    let prompt = Listen { prompt: Some("names".into()), ..listen(Script::Json) };
    assert_eq!(refused(&Elevenlabs, "scribe_v2", &prompt), "prompt");
}

fn part(text: &str, start: f64, end: f64) -> Said {
    Said { text: text.into(), start, end }
}

#[test]
fn whispers_answers_are_passed_or_taken_apart() {
    // The example of the API reference.
    let body = json!({"task": "transcribe", "language": "english", "duration": 8.470000267028809, "text": "The beach.",
        "segments": [{"id": 0, "seek": 0, "start": 0.0, "end": 3.319999933242798, "text": " The beach.", "tokens": [50364],
            "temperature": 0.0, "avg_logprob": -0.28, "compression_ratio": 1.23, "no_speech_prob": 0.009}],
        "usage": {"type": "duration", "seconds": 9}});
    let passed = read(&OPENAI, "whisper-1", &listen(Script::Verbose), &body).unwrap();
    assert_eq!(passed.transcript, None);
    assert_eq!(passed.usage.unwrap().get(Bucket::AudioMillis), 9_000);
    let made = read(&OPENAI, "whisper-1", &listen(Script::Srt), &body).unwrap().transcript.unwrap();
    assert_eq!(made.segments, [part(" The beach.", 0.0, 3.319_999_933_242_798)]);
    assert_eq!(made.duration, Some(8.470_000_267_028_809));
    // Groq tells no usage; how long the file is it does, digits or a number.
    for duration in [json!(3.2), json!("3.2")] {
        let body = json!({"text": "Hi", "duration": duration, "x_groq": {"id": "req_1"}});
        let understood = read(&GROQ, "whisper-large-v3", &listen(Script::Json), &body).unwrap();
        assert_eq!(understood.usage.unwrap().get(Bucket::AudioMillis), 3_200);
    }
    let silent = json!({"text": "", "duration": 1.0, "segments": []});
    assert!(read(&GROQ, "whisper-large-v3", &listen(Script::Vtt), &silent).is_ok(), "silence is an answer");
    for body in [
        json!({"text": "Hi", "duration": 1.0}),
        json!({"duration": 1.0}),
        json!({"error": {"message": "no", "type": "server_error"}}),
        json!([1]),
    ] {
        assert!(read(&GROQ, "whisper-large-v3", &listen(Script::Srt), &body).is_err(), "{body}");
    }
}

#[test]
fn tokens_of_sound_and_text_are_apart() {
    let body = json!({"text": "Hi", "usage": {"type": "tokens", "input_tokens": 1_020,
        "input_token_details": {"audio_tokens": 1_000, "text_tokens": 20}, "output_tokens": 260, "total_tokens": 1_280}});
    let usage = read(&OPENAI, "gpt-4o-transcribe", &listen(Script::Text), &body).unwrap().usage.unwrap();
    let counts = [Bucket::Input, Bucket::InputAudio, Bucket::Output].map(|bucket| usage.get(bucket));
    assert_eq!((counts, usage.estimated), ([20, 1_000, 260], false));
}

#[test]
fn deepgrams_words_and_utterances() {
    let words = json!([{"word": "hello", "start": 0.08, "end": 0.5, "confidence": 0.9, "punctuated_word": "Hello."},
        {"word": "weir", "start": 2.0, "end": 2.4}]);
    let body = |more: Value| {
        json!({"metadata": {"request_id": "r", "duration": 25.933313, "channels": 1, "models": ["m"]},
            "results": {"channels": [{"detected_language": "en", "alternatives": [
                {"transcript": "Hello. weir", "confidence": 0.9, "words": words}]}], "utterances": more}})
    };
    let utterances = json!([{"start": 0.08, "end": 2.4, "transcript": "Hello. weir"}]);
    let understood = read(&Deepgram, "nova-3", &listen(Script::Srt), &body(utterances)).unwrap();
    assert_eq!(understood.usage.unwrap().get(Bucket::AudioMillis), 25_934);
    let said = understood.transcript.unwrap();
    assert_eq!(said.segments, [part("Hello. weir", 0.08, 2.4)]);
    assert_eq!(said.words, [part("Hello.", 0.08, 0.5), part("weir", 2.0, 2.4)]);
    assert_eq!((said.language.as_deref(), said.duration), (Some("en"), Some(25.933_313)));
    let said =
        read(&Deepgram, "nova-3", &listen(Script::Srt), &body(Value::Null)).unwrap().transcript.unwrap();
    assert_eq!(said.segments, [part("Hello.", 0.08, 0.5), part("weir", 2.0, 2.4)]);
    assert!(read(&Deepgram, "nova-3", &listen(Script::Json), &json!({"results": {"channels": []}})).is_err());
}

#[test]
fn workers_answers_in_and_out_of_their_envelope() {
    let turbo = json!({"transcription_info": {"language": "en", "duration": 45.0}, "text": "Hi there.", "word_count": 2,
        "segments": [{"start": 0.0, "end": 1.5, "text": "Hi there.", "words": [{"word": "Hi", "start": 0.0, "end": 0.5}]}]});
    let model = "@cf/openai/whisper-large-v3-turbo";
    for body in [json!({"result": turbo, "success": true, "errors": [], "messages": []}), turbo] {
        let understood = read(&WorkersAi, model, &listen(Script::Srt), &body).unwrap();
        assert_eq!(understood.usage.unwrap().get(Bucket::AudioMillis), 45_000);
        let said = understood.transcript.unwrap();
        assert_eq!((said.segments.len(), said.words.len()), (1, 1));
    }
    let failed = json!({"result": null, "success": false, "errors": [{"code": 3040, "message": "Capacity temporarily exceeded"}]});
    assert!(matches!(read(&WorkersAi, model, &listen(Script::Json), &failed), Err(Fault::Busy { .. })));
    let plain = json!({"text": "Hi there.", "word_count": 2, "words": [
        {"word": "Hi", "start": 0.0, "end": 0.5}, {"word": "there.", "start": 0.6, "end": 1.0}], "vtt": "WEBVTT"});
    let understood = read(&WorkersAi, "@cf/openai/whisper", &listen(Script::Srt), &plain).unwrap();
    assert_eq!(understood.usage, None);
    assert_eq!(understood.transcript.unwrap().segments, [part("Hi there.", 0.0, 1.0)]);
}

#[test]
fn scribes_blanks_are_no_words() {
    let body = json!({"language_code": "eng", "language_probability": 0.98, "text": "Hello world!", "words": [
        {"text": "Hello", "start": 0.1, "end": 0.4, "type": "word", "logprob": -0.1},
        {"text": " ", "start": 0.4, "end": 0.5, "type": "spacing", "logprob": -0.1},
        {"text": "world!", "start": 0.5, "end": null, "type": "word", "logprob": -0.1},
        {"text": "world!", "start": 0.5, "end": 0.9, "type": "word", "logprob": -0.1}]});
    let understood = read(&Elevenlabs, "scribe_v2", &listen(Script::Verbose), &body).unwrap();
    let said = understood.transcript.unwrap();
    assert_eq!((said.words.len(), &said.segments), (2, &vec![part("Hello world!", 0.1, 0.9)]));
    let none = json!({"language_code": "eng", "text": "Hello", "words": []});
    assert!(read(&Elevenlabs, "scribe_v2", &listen(Script::Verbose), &none).is_err());
    assert!(read(&Elevenlabs, "scribe_v2", &listen(Script::Text), &none).is_ok());
}

#[test]
fn segments_end_where_people_stop() {
    let words: Vec<Said> =
        (0..60).map(|at| part("word", f64::from(at) * 0.3, f64::from(at) * 0.3 + 0.25)).collect();
    let long = sentences(&words);
    assert!(long.iter().all(|s| s.text.chars().count() <= 84 && s.end - s.start <= 7.0), "{long:?}");
    assert_eq!(long.iter().map(|s| s.text.split(' ').count()).sum::<usize>(), 60);
    let paused = [
        part("one", 0.0, 0.4),
        part("two", 1.5, 2.0),
        part(" ", 2.0, 2.0),
        part("three.", 2.1, 2.5),
        part("水。", 2.6, 3.0),
        part("x", 3.0, 3.1),
    ];
    let texts: Vec<String> = sentences(&paused).into_iter().map(|s| s.text).collect();
    assert_eq!(texts, ["one", "two three.", "水。", "x"]);
}

#[test]
fn what_is_not_told_is_counted_in_the_units_of_the_price() {
    let all = Catalogue::embedded().unwrap();
    let whisper = &all.find("openai", "whisper-1").unwrap().card;
    let usage = sound(whisper, 1_500, 10);
    assert_eq!((usage.get(Bucket::AudioMillis), usage.tokens_in(), usage.estimated), (1_500, 0, true));
    let tokens = &all.find("openai", "gpt-4o-transcribe").unwrap().card;
    let usage = sound(tokens, 60_000, 400);
    let counts = [Bucket::AudioMillis, Bucket::InputAudio, Bucket::Output].map(|bucket| usage.get(bucket));
    assert_eq!(counts, [0, 1_000, 100]);
    let (likely, most) = (sound_ahead(tokens, 60_000, false), sound_ahead(tokens, 60_000, true));
    assert!(most.tokens_in() == 2 * likely.tokens_in() && most.tokens_out() == 2 * likely.tokens_out());
}
