use super::*;
use crate::catalogue::Catalogue;
use crate::openai::{GROQ, OPENAI as OPENAI_ACCENT, OpenAi};
use crate::{Adapter, Address, Deepgram, Gemini, WorkersAi};
use serde_json::Value;
use vocab::{Codec, Kind, Sound, Speak, Status, Utterance};

fn adapter(provider: &str) -> Option<Box<dyn Adapter>> {
    Some(match provider {
        "openai" => Box::new(OpenAi(&OPENAI_ACCENT)),
        "groq" => Box::new(OpenAi(&GROQ)),
        "gemini" => Box::new(Gemini),
        "workers-ai" => Box::new(WorkersAi),
        "deepgram" => Box::new(Deepgram),
        _ => return None,
    })
}

/// Every voice that is named can be asked for, at every model of the catalogue that speaks and is not left to the operator.
#[test]
fn every_voice_of_every_model_can_be_asked_for() {
    let (voices, catalogue) = (Voices::embedded().unwrap(), Catalogue::embedded().unwrap());
    let mut asked = 0;
    for entry in &catalogue.models {
        let card = &entry.card;
        let Some(adapter) = adapter(&card.provider).filter(|_| card.kind == Kind::Tts) else { continue };
        if card.status == Status::Retired || card.model.starts_with("flux") {
            continue;
        }
        let at = Address { base_url: "https://provider.test".into(), key: None, headers: vec![] };
        let door = adapter.door(&at, card.clone(), &card.model).unwrap();
        let voice = adapter.voice().unwrap();
        for (name, logical) in voices.iter() {
            let id = card.id();
            let mut spoken = [None, Some("ar"), Some("es")].into_iter();
            let Some(own) = spoken.find_map(|l| logical.at(&card.provider, &card.model, l)) else {
                assert!(card.model.contains("melotts") && name != "neutral", "{id} has no {name}");
                continue;
            };
            let made =
                [Codec::Mp3, Codec::Wav].into_iter().find_map(|codec| voice.makes(card, Sound::of(codec)));
            let speak = Speak {
                text: "Hello.".into(),
                voice: name.into(),
                sound: Sound::of(Codec::Mp3),
                speed: None,
                language: own.language.clone(),
                instructions: None,
                seed: None,
                extra: serde_json::Map::new(),
            };
            let said = Utterance {
                text: "Hello.",
                before: "",
                after: "",
                voice: &own.id,
                sound: made.unwrap(),
                speak: &speak,
            };
            let call = voice.encode(&said, &door).unwrap_or_else(|fault| panic!("{id} {name}: {fault}"));
            let whole = format!("{}{}", call.uri, String::from_utf8(call.body.concat().to_vec()).unwrap());
            assert!(whole.contains(&own.id), "{whole}");
            published(&card.model, &own.id);
            asked += 1;
        }
    }
    assert!(asked >= 40, "{asked}");
}

/// Workers AI and OpenAI publish their names in a form that can be checked.
fn published(model: &str, id: &str) {
    let types = match model {
        "@cf/deepgram/aura-1" => "Ai_Cf_Deepgram_Aura_1_Input",
        "@cf/deepgram/aura-2-en" => "Ai_Cf_Deepgram_Aura_2_En_Input",
        model if model.contains("tts-1") || model.contains("gpt-") => {
            assert!(OPENAI.contains(&id), "{id}");
            return;
        }
        _ => return,
    };
    let schemas: Value = serde_json::from_str(include_str!("../../tests/golden/schemas.json")).unwrap();
    let named = schemas["schemas"][types]["properties"]["speaker"]["enum"].as_array().unwrap();
    assert!(named.contains(&id.into()), "{model} has no {id}");
}

#[test]
fn a_language_chooses_among_the_voices_of_one_name() {
    let voices = Voices::embedded().unwrap();
    let calm = voices.get("calm").unwrap();
    let id = |provider, model, language| calm.at(provider, model, language).map(|own| own.id.as_str());
    assert_eq!(id("deepgram", "aura-2", None), Some("athena"));
    assert_eq!(id("deepgram", "aura-2", Some("es-MX")), Some("estrella-es"));
    assert_eq!(id("deepgram", "aura-2", Some("sv")), None, "nobody there speaks it");
    assert_eq!(id("groq", "canopylabs/orpheus-arabic-saudi", None), None, "nobody said that it is Arabic");
    assert_eq!(id("groq", "canopylabs/orpheus-arabic-saudi", Some("ar-SA")), Some("noura"));
    assert_eq!(id("gemini", "gemini-3.8-flash-tts", Some("sv")), Some("Vindemiatrix"), "it speaks all");
    assert_eq!(id("deepgram", "aura-9", None), None);
    assert_eq!(id("elevenlabs", "eleven_v3", None), None, "left to the operator");
    let only = voices.get("neutral").unwrap().at("workers-ai", "@cf/myshell-ai/melotts", Some("fr"));
    assert_eq!(only.map(|own| own.id.as_str()), Some(""));
}

#[test]
fn openais_names_stand_for_what_they_are_at_openai() {
    let voices = Voices::embedded().unwrap();
    for (name, like) in [
        ("alloy", Some("neutral")),
        ("sage", Some("calm")),
        ("nova", Some("energetic")),
        ("echo", Some("professional")),
        ("cedar", None),
        ("thalia", None),
    ] {
        assert_eq!(voices.like(name).map(|(name, _)| name), like, "{name}");
    }
}

#[test]
fn what_is_wrong_with_a_table_is_said() {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut table: Value = serde_json::from_str(EMBEDDED).unwrap();
        change(&mut table);
        Voices::parse(&table.to_string()).unwrap_err().join("\n")
    };
    let calm = |table: &mut Value, field: &str, value: Value| table["voices"]["calm"][field] = value;
    let first =
        |table: &mut Value, field: &str, value: Value| table["voices"]["calm"]["at"][0][field] = value;
    for (wrong, says) in [
        (with(&|t| t["schema_version"] = 2.into()), "schema_version is 2"),
        (with(&|t| t["surprise"] = 1.into()), "unknown field"),
        (with(&|t| calm(t, "gender", "low".into())), "calm: gender is \"low\"; one of feminine"),
        (with(&|t| calm(t, "pace", "".into())), "calm: pace is \"\""),
        (with(&|t| first(t, "provider", "acme".into())), "calm: at 1 (acme): provider is \"acme\""),
        (with(&|t| first(t, "source", "hearsay".into())), "source \"hearsay\" is not described"),
        (with(&|t| first(t, "language", "English".into())), "one like en or pt-BR"),
        (with(&|t| first(t, "id", "".into())), "id is empty"),
        (with(&|t| first(t, "models", serde_json::json!([""]))), "a name that is empty"),
        (with(&|t| first(t, "provider", "gemini".into())), "is never asked for"),
        (with(&|t| t["voices"]["a/b"] = t["voices"]["calm"].clone()), "a/b: this cannot be the name"),
        (with(&|t| t["voices"]["alloy"] = t["voices"]["calm"].clone()), "alloy: this cannot be the name"),
    ] {
        assert!(wrong.contains(says), "{says}: {wrong}");
    }
    assert!(Voices::parse("{").unwrap_err()[0].starts_with("not a table of voices"));
}

#[test]
fn a_language_is_written_as_one() {
    for (text, is) in
        [("en", true), ("pt-BR", true), ("zh-Hant-TW", true), ("e", false), ("", false), ("en-", false)]
    {
        assert_eq!(is_language(text), is, "{text}");
    }
}
