//! Conversations over a WebSocket: written, spoken while they are being written, interrupted, and taken up again.

use crate::net::until;
use crate::process::{Setup, Weir};
use crate::upstream::{Call, FINISH, USAGE, Upstream, delta};
use serde_json::{Value, json};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::CloseFrame;
use tungstenite::{Message, WebSocket};

const PATIENCE: Duration = Duration::from_secs(20);

/// What was asked for, in order: the prompt's messages of a chat, or the text of a sentence to be spoken.
type Asked = Arc<Mutex<Vec<Value>>>;

/// OpenAI as far as a conversation needs it: two sentences in three deltas, and of each sentence 3,000 bytes of sound.
fn openai(slow: bool) -> (Upstream, Asked) {
    let asked = Asked::default();
    let heard = asked.clone();
    let upstream = Upstream::start(move |mut call| {
        if call.head.contains("/audio/transcriptions") {
            heard.lock().unwrap().push(json!({"heard": call.body.contains("RIFF")}));
            return call.whole(
                "200 OK",
                r#"{"text":"What does a weir do?","usage":{"type":"duration","seconds":1}}"#,
            );
        }
        let body: Value = serde_json::from_str(call.body).unwrap();
        let speech = call.head.contains("/audio/speech");
        heard.lock().unwrap().push(if speech { body["input"].clone() } else { body["messages"].clone() });
        if speech {
            return sound(call, body["input"].as_str().unwrap());
        }
        let mut told = call.begins();
        for text in ["The weir st", "ands. It measures", " what passes."] {
            told = told && call.says(&delta(text));
            std::thread::sleep(Duration::from_millis(if slow { 300 } else { 5 }));
        }
        if slow {
            // Until whoever listens has had enough.
            while told {
                told = call.says(&delta(" And on."));
                std::thread::sleep(Duration::from_millis(50));
            }
            heard.lock().unwrap().push(json!("hung up"));
            return false;
        }
        told && [FINISH, USAGE, "[DONE]"].iter().all(|json| call.says(json)) && call.ends()
    });
    (upstream, asked)
}

/// Bytes that tell which sentence they are of.
fn of(sentence: &str) -> Vec<u8> {
    vec![sentence.len() as u8; 3_000]
}

fn sound(call: Call<'_>, sentence: &str) -> bool {
    use std::io::Write;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: audio/pcm\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut bytes = head.as_bytes().to_vec();
    for piece in of(sentence).chunks(1_000) {
        bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        bytes.extend_from_slice(piece);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    call.stream.write_all(&bytes).is_ok()
}

fn before(upstream: &Upstream, more: &str) -> (Setup, Weir) {
    let text = format!(
        "{more}\n[providers.openai]\nkind = \"openai\"\nbase_url = \"http://{}/v1\"\nkeys = [\"TEST_KEY\"]\n\
         models = [\"gpt-4o-mini\", \"tts-1\", \"whisper-1\"]\n[voice.voices.neutral.ids]\nopenai = \"alloy\"\n",
        upstream.address
    );
    let setup = Setup::new().config(&text).variable("TEST_KEY", "sk-test");
    let weir = setup.start();
    (setup, weir)
}

struct Talk(WebSocket<TcpStream>);

/// What came.
#[derive(Debug, PartialEq)]
enum Heard {
    Told(Value),
    Sound(Vec<u8>),
    /// The code and the reason.
    Closed(u16, String),
}

impl Talk {
    fn open(weir: &Weir, query: &str, headers: &[(&'static str, &str)]) -> Result<Self, (u16, String)> {
        let stream = TcpStream::connect(weir.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let address = format!("ws://{}/api/voice/session{query}", weir.address);
        let mut request = address.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match tungstenite::client(request, stream) {
            Ok((socket, response)) => {
                assert_eq!(response.status(), 101);
                Ok(Self(socket))
            }
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
                let body = response.body().clone().unwrap_or_default();
                Err((response.status().as_u16(), String::from_utf8_lossy(&body).into_owned()))
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn begin(weir: &Weir) -> Self {
        let mut talk = Self::open(weir, "", &[]).unwrap();
        assert_eq!(talk.told("session")["resumed"], false);
        talk
    }

    fn say(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).unwrap();
    }

    fn hear(&mut self) -> Heard {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => return Heard::Told(serde_json::from_str(&text).unwrap()),
                Ok(Message::Binary(bytes)) => return Heard::Sound(bytes.to_vec()),
                Ok(Message::Close(Some(CloseFrame { code, reason }))) => {
                    return Heard::Closed(code.into(), reason.to_string());
                }
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next message of a type; what comes before it is passed over.
    fn told(&mut self, kind: &str) -> Value {
        loop {
            match self.hear() {
                Heard::Told(told) if told["type"] == kind => return told,
                Heard::Closed(code, reason) => panic!("{kind} is waited for: {code} {reason}"),
                _ => {}
            }
        }
    }

    fn closed(&mut self) -> (u16, String) {
        loop {
            if let Heard::Closed(code, reason) = self.hear() {
                return (code, reason);
            }
        }
    }

    /// All of a turn.
    fn turn(&mut self) -> Turn {
        let mut turn = Turn::default();
        loop {
            match self.hear() {
                Heard::Told(told) => match told["type"].as_str().unwrap() {
                    "text" => turn.text.push_str(told["delta"].as_str().unwrap()),
                    "sentence" => {
                        assert_eq!(told["content_type"], "audio/pcm");
                        assert_eq!(told["rate"], 24_000);
                        turn.sentences.push((told["text"].as_str().unwrap().to_owned(), vec![]));
                    }
                    "sentence_end" => {}
                    "error" => turn.errors.push(told),
                    "turn_end" => {
                        turn.end = told;
                        return turn;
                    }
                    "turn" => {}
                    other => panic!("{other}: {told}"),
                },
                Heard::Sound(bytes) => turn.sentences.last_mut().unwrap().1.extend(bytes),
                Heard::Closed(code, reason) => panic!("{code} {reason}"),
            }
        }
    }
}

#[derive(Debug, Default)]
struct Turn {
    text: String,
    /// And their sound.
    sentences: Vec<(String, Vec<u8>)>,
    errors: Vec<Value>,
    end: Value,
}

const FIRST: &str = "The weir stands.";
const SECOND: &str = "It measures what passes.";

/// The costs of all that is in the books, and how many requests that were.
fn spent(weir: &Weir, least: usize) -> (usize, f64) {
    until(PATIENCE, "all is settled", || {
        let usage = weir.get("/api/billing/usage?limit=100").json();
        let list = usage["events"].as_array().cloned().unwrap_or_default();
        let costs: Vec<f64> =
            list.iter().filter_map(|event| event["cost_usd"].as_str()?.parse().ok()).collect();
        (costs.len() >= least).then(|| (costs.len(), costs.iter().sum()))
    })
}

#[test]
fn an_answer_is_spoken_sentence_by_sentence_and_paid_once() {
    let (upstream, asked) = openai(false);
    let (setup, weir) = before(&upstream, "");
    let mut talk = Talk::begin(&weir);
    talk.say(&json!({"type": "text", "text": "What does a weir do?"}));
    let turn = talk.turn();
    assert_eq!(turn.errors, Vec::<Value>::new());
    assert_eq!(turn.text, format!("{FIRST} {SECOND}"));
    let expected = [FIRST, SECOND].map(|sentence| (sentence.to_owned(), of(sentence)));
    assert_eq!(turn.sentences, expected);
    assert_eq!(turn.end["reason"], "done");
    let told: f64 = turn.end["cost_usd"].as_str().unwrap().parse().unwrap();
    let (requests, cost) = spent(&weir, 3);
    assert_eq!(requests, 3, "one that wrote, two that spoke");
    assert!((told - cost).abs() < 1e-12 && told > 0.0, "{told} {cost}");

    // The model is told what was said before; the skill's words come first.
    talk.say(&json!({"type": "settings", "speak": false, "personality": "analytical"}));
    assert_eq!(talk.told("settings")["speak"], false);
    talk.say(&json!({"type": "text", "text": "And why?"}));
    let turn = talk.turn();
    assert_eq!((turn.sentences.len(), turn.text.len()), (0, FIRST.len() + 1 + SECOND.len()));
    let last = asked.lock().unwrap().last().unwrap().clone();
    let said: Vec<&str> =
        last.as_array().unwrap().iter().skip(1).map(|m| m["content"].as_str().unwrap()).collect();
    assert_eq!(said, ["What does a weir do?", &format!("{FIRST} {SECOND}"), "And why?"]);
    talk.say(&json!({"type": "close"}));
    assert_eq!(talk.closed().0, 1_000);
    drop(weir);
    assert!(!setup.verified().is_empty());
}

#[test]
fn a_spoken_question_is_understood_first() {
    let (upstream, asked) = openai(false);
    let (setup, weir) = before(&upstream, "");
    let mut talk = Talk::begin(&weir);
    talk.say(&json!({"type": "settings", "speak": false}));
    talk.told("settings");
    let sound = wav(16_000);
    for piece in sound.chunks(3_000) {
        talk.0.send(Message::binary(piece.to_vec())).unwrap();
    }
    talk.say(&json!({"type": "audio_end", "format": "wav"}));
    assert_eq!(talk.told("transcript")["text"], "What does a weir do?");
    let turn = talk.turn();
    assert_eq!((turn.errors.len(), &turn.end["reason"]), (0, &json!("done")));
    let asked = asked.lock().unwrap().clone();
    assert_eq!(asked[0], json!({"heard": true}));
    assert_eq!(asked[1].as_array().unwrap().last().unwrap()["content"], "What does a weir do?");
    let (requests, cost) = spent(&weir, 2);
    let told: f64 = turn.end["cost_usd"].as_str().unwrap().parse().unwrap();
    assert!(requests == 2 && (told - cost).abs() < 1e-12 && cost > 0.000_1, "{told} {cost}");
    // Too much of it is not half understood.
    for _ in 0..9 {
        talk.0.send(Message::binary(vec![0; 1_000_000])).unwrap();
    }
    talk.say(&json!({"type": "audio_end"}));
    assert_eq!(talk.told("error")["code"], "audio_too_long");
    drop((setup, weir));
}

/// A second of silence.
fn wav(rate: u32) -> Vec<u8> {
    let samples = vec![0_u8; rate as usize * 2];
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + samples.len() as u32).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt ");
    for number in [16, 1 | 1 << 16, rate, rate * 2, 2 | 16 << 16] {
        bytes.extend(u32::to_le_bytes(number));
    }
    bytes.extend_from_slice(b"data");
    bytes.extend((samples.len() as u32).to_le_bytes());
    bytes.extend(samples);
    bytes
}

#[test]
fn an_interruption_ends_speech_and_what_was_heard_is_remembered() {
    let (upstream, asked) = openai(true);
    let (setup, weir) = before(&upstream, "");
    let mut talk = Talk::begin(&weir);
    talk.say(&json!({"type": "text", "text": "Talk for ever."}));
    assert_eq!(talk.told("sentence")["text"], FIRST);
    talk.say(&json!({"type": "interrupt"}));
    let end = talk.told("turn_end");
    assert_eq!((&end["reason"], &end["turn"]), (&json!("interrupted"), &json!(1)));
    until(PATIENCE, "the provider is hung up on", || {
        asked.lock().unwrap().iter().any(|what| what == "hung up").then_some(())
    });
    // Who speaks again while he is spoken to interrupts as well.
    talk.say(&json!({"type": "text", "text": "Again."}));
    talk.told("sentence");
    talk.say(&json!({"type": "settings", "speak": false}));
    talk.say(&json!({"type": "text", "text": "Enough."}));
    assert_eq!(talk.told("turn_end")["reason"], "interrupted");
    talk.told("text");
    let chats: Vec<Value> = asked.lock().unwrap().iter().filter(|what| what.is_array()).cloned().collect();
    let third: Vec<&str> =
        chats[2].as_array().unwrap().iter().skip(1).map(|m| m["content"].as_str().unwrap()).collect();
    assert_eq!((third.len(), third[0], third[2], third[4]), (5, "Talk for ever.", "Again.", "Enough."));
    assert!(third[1].starts_with(FIRST) && third[1].len() < 200, "what was heard of it: {:?}", third[1]);
    drop(talk);
    // All of it is settled, the one that nobody listens to any more too.
    let (_, open) = weir.at_rest();
    assert_eq!(open, 0);
    drop(weir);
    assert!(!setup.verified().is_empty());
}

#[test]
fn a_client_that_comes_back_goes_on() {
    let (upstream, asked) = openai(false);
    let (_setup, weir) = before(&upstream, "");
    let mut talk = Talk::open(&weir, "?session=my-session_1", &[]).unwrap();
    assert_eq!(talk.told("session")["session"], "my-session_1");
    talk.say(&json!({"type": "settings", "speak": false}));
    talk.say(&json!({"type": "text", "text": "One."}));
    talk.turn_without_settings();
    drop(talk);
    let mut again = Talk::open(&weir, "?session=my-session_1", &[]).unwrap();
    let told = again.told("session");
    assert_eq!((&told["resumed"], &told["turns"]), (&json!(true), &json!(1)));
    again.say(&json!({"type": "text", "text": "Two."}));
    assert_eq!(again.turn().sentences.len(), 0, "its settings are there as well");
    assert_eq!(asked.lock().unwrap().last().unwrap().as_array().unwrap().len(), 4);
    // While it is open somebody comes with its name: the newer one has it.
    let mut third = Talk::open(&weir, "?session=my-session_1", &[]).unwrap();
    assert_eq!(third.told("session")["resumed"], true);
    assert_eq!(again.closed(), (4_409, "taken over by another connection".into()));
    third.say(&json!({"type": "ping"}));
    third.told("pong");
    third.say(&json!({"type": "close"}));
    third.closed();
    let mut fresh = Talk::open(&weir, "?session=my-session_1", &[]).unwrap();
    assert_eq!(fresh.told("session")["resumed"], false, "it was said that nobody comes back");
}

impl Talk {
    fn turn_without_settings(&mut self) {
        self.told("settings");
        assert_eq!(self.turn().end["reason"], "done");
    }
}

#[test]
fn what_is_wrong_is_said_and_the_conversation_goes_on() {
    let (upstream, _) = openai(false);
    let (_setup, weir) = before(&upstream, "");
    let mut talk = Talk::begin(&weir);
    for (message, code) in [
        (json!({"type": "shout"}), "invalid_message"),
        (json!({"type": "text", "text": "  "}), "invalid_request"),
        (json!({"type": "audio_end"}), "invalid_request"),
    ] {
        talk.say(&message);
        assert_eq!(talk.told("error")["code"], code, "{message}");
    }
    talk.0.send(Message::text("no JSON")).unwrap();
    assert_eq!(talk.told("error")["code"], "invalid_message");
    for (settings, code) in [
        (json!({"type": "settings", "personality": "grumpy"}), "invalid_request"),
        (
            json!({"type": "settings", "personality": "supportive", "model": "nobody/knows"}),
            "model_not_found",
        ),
    ] {
        talk.say(&settings);
        talk.told("settings");
        talk.say(&json!({"type": "text", "text": "Hi."}));
        let turn = talk.turn();
        assert_eq!((&turn.errors[0]["code"], &turn.end["reason"]), (&json!(code), &json!("error")));
    }
    // A voice that nobody has: the text is there all the same.
    talk.say(&json!({"type": "settings", "model": "auto", "voice": "nobody"}));
    talk.told("settings");
    talk.say(&json!({"type": "text", "text": "Hi."}));
    let turn = talk.turn();
    assert_eq!(turn.text, format!("{FIRST} {SECOND}"));
    assert_eq!((turn.errors.len(), turn.sentences.len(), &turn.end["reason"]), (1, 0, &json!("error")));
}

#[test]
fn only_who_may_and_asks_for_a_socket_gets_one() {
    let (upstream, _) = openai(false);
    let key = "wk_test_talk";
    let digest = {
        use sha2::{Digest, Sha256};
        Sha256::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let keys =
        format!("[service]\n[[service.keys]]\nname = \"one\"\naccount = \"red\"\nsha256 = \"{digest}\"\n");
    let (_setup, weir) = before(&upstream, &keys);
    assert_eq!(Talk::open(&weir, "", &[]).err().map(|(status, _)| status), Some(401));
    let bearer = format!("Bearer {key}");
    assert!(Talk::open(&weir, "", &[("authorization", &bearer)]).is_ok());
    assert!(Talk::open(&weir, &format!("?key={key}"), &[]).is_ok(), "browsers cannot send headers");
    let (status, body) = Talk::open(&weir, &format!("?key={key}&session=a%20b"), &[]).err().unwrap();
    assert!(status == 400 && body.contains("session: expected"), "{status} {body}");
    let plain = weir.ask("GET", "/api/voice/session", &[("authorization", &bearer)], "");
    assert_eq!((plain.status, plain.header("upgrade")), (426, Some("websocket")));
}

#[test]
fn a_weir_that_stops_says_so() {
    let (upstream, _) = openai(false);
    let (_setup, mut weir) = before(&upstream, "");
    let mut talk = Talk::begin(&weir);
    weir.process.signal("TERM");
    assert_eq!(talk.closed().0, 1_001);
    assert!(weir.process.ends(PATIENCE).success());
}
