//! One turn: what was said is understood, answered, and the answer spoken while it is still being written.

use super::Message;
use super::parked::Talk;
use super::sentences::Sentences;
use super::words::{Manner, Object, refused};
use crate::http::{Converser, Spoken};
use crate::refusal::Refusal;
use bytes::Bytes;
use futures::channel::mpsc;
use futures::future::{join, try_join};
use futures::stream::BoxStream;
use futures::{SinkExt, Stream, StreamExt};
use relay::{Answer, Bill, Piece};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use vocab::{Event, Pico};

/// Sentences that may wait to be spoken before the model is read on.
const AHEAD: usize = 4;

/// What a turn begins with.
pub enum Input {
    Text(String),
    /// Sound of the client, and what it is in.
    Sound {
        sound: Bytes,
        format: String,
    },
}

/// How far a turn has come, for whoever ends it.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// What the client said; empty until that is known.
    pub user: String,
    pub written: String,
    /// What was written and has begun to be heard, where answers are spoken.
    pub heard: Option<String>,
    /// Of the calls that are over.
    pub cost: Pico,
}

/// A turn under way: what is to be told, in order. Dropping it hangs up on every provider and settles what they did.
pub struct Turn {
    pub number: u64,
    pub progress: Arc<Mutex<Progress>>,
    steps: BoxStream<'static, Message>,
}

impl Stream for Turn {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.steps.poll_next_unpin(cx)
    }
}

impl Turn {
    pub fn progress(&self) -> Progress {
        lock(&self.progress).clone()
    }
}

pub fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins one.
pub fn begin(converser: Arc<Converser>, talk: Arc<Mutex<Talk>>, number: u64, input: Input) -> Turn {
    let progress = Arc::new(Mutex::new(Progress::default()));
    let (out, told) = mpsc::channel(0);
    let manner = lock(&talk).manner.clone();
    let work = Work { converser, talk, number, manner, progress: Arc::clone(&progress), out };
    // The work ends by dropping its side of the channel; it tells nothing by itself.
    let work = futures::stream::once(work.run(input)).filter_map(|()| std::future::ready(None));
    Turn { number, progress, steps: Box::pin(futures::stream::select(told, work)) }
}

struct Work {
    converser: Arc<Converser>,
    talk: Arc<Mutex<Talk>>,
    number: u64,
    manner: Manner,
    progress: Arc<Mutex<Progress>>,
    out: mpsc::Sender<Message>,
}

/// The socket is gone, so there is nobody to go on for.
struct Gone;

type Outcome<T> = Result<T, Stop>;

enum Stop {
    Gone,
    Refused { refusal: Box<Refusal>, request_id: String },
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl Work {
    async fn run(mut self, input: Input) {
        let reason = match self.turn(input).await {
            Ok(()) => "done",
            Err(Stop::Gone) => return,
            Err(Stop::Refused { refusal, request_id }) => {
                let told = refused(&refusal, Some(self.number), Some(&request_id));
                if self.tell(told).await.is_err() {
                    return;
                }
                "error"
            }
        };
        let Progress { user, written, cost, .. } = lock(&self.progress).clone();
        lock(&self.talk).memory.keep(user, written);
        let told = Object::of("turn_end").number("turn", self.number).text("reason", reason);
        // Nobody waits for it where the socket is gone.
        drop(self.tell(told.usd("cost_usd", cost).end()).await);
    }

    async fn tell(&mut self, text: String) -> Result<(), Gone> {
        self.out.send(Message::Text(text)).await.map_err(|_| Gone)
    }

    async fn turn(&mut self, input: Input) -> Outcome<()> {
        let begun = Object::of("turn").number("turn", self.number);
        self.tell(begun.end()).await?;
        let text = match input {
            Input::Text(text) => text,
            Input::Sound { sound, format } => self.listen(sound, &format).await?,
        };
        lock(&self.progress).user.clone_from(&text);
        let id = self.converser.name(&self.number.to_string());
        let body = self.body(&text);
        let answer = self.converser.ask(&id, body).await;
        let answer =
            answer.map_err(|refusal| Stop::Refused { refusal: Box::new(refusal), request_id: id.clone() })?;
        let (sentences, spoken) = mpsc::channel(AHEAD);
        let speaks = self.manner.speaks();
        if speaks {
            lock(&self.progress).heard = Some(String::new());
        }
        let reader = Reader {
            number: self.number,
            progress: Arc::clone(&self.progress),
            out: self.out.clone(),
            sentences: speaks.then_some(sentences),
            buffer: Sentences::default(),
            id: id.clone(),
        };
        let speaker = Speaker {
            converser: Arc::clone(&self.converser),
            manner: self.manner.clone(),
            number: self.number,
            progress: Arc::clone(&self.progress),
            out: self.out.clone(),
        };
        // A sentence that cannot be spoken does not end what is written, and the other way round.
        let (read, said) = join(reader.run(answer), speaker.run(spoken)).await;
        read.and(said)
    }

    /// What was said in a sound.
    async fn listen(&mut self, sound: Bytes, format: &str) -> Outcome<String> {
        let id = self.converser.name(&format!("{}-heard", self.number));
        let heard = self.converser.hear(&id, &sound, format, &self.manner).await;
        let (text, cost) =
            heard.map_err(|refusal| Stop::Refused { refusal: Box::new(refusal), request_id: id.clone() })?;
        add(&self.progress, cost);
        let told = Object::of("transcript").number("turn", self.number).text("text", &text);
        self.tell(told.text("request_id", &id).end()).await?;
        if text.trim().is_empty() {
            let refusal =
                Refusal::new(422, "nothing_heard", "There was nothing to be understood in this sound.");
            return Err(Stop::Refused { refusal: Box::new(refusal), request_id: id });
        }
        Ok(text)
    }

    /// The question as a body of SI.
    fn body(&self, text: &str) -> Vec<u8> {
        let mut body = Vec::with_capacity(1_024);
        body.extend_from_slice(br#"{"stream":true,"messages":"#);
        lock(&self.talk).memory.messages(text, &mut body);
        let Manner { personality, system, model, policy, max_tokens, .. } = &self.manner;
        for (name, value) in
            [("personality", personality), ("system", system), ("model", model), ("policy", policy)]
        {
            if let Some(value) = value {
                body.extend_from_slice(format!(",\"{name}\":").as_bytes());
                crate::openai::write::json(&mut body, value);
            }
        }
        if let Some(most) = max_tokens {
            body.extend_from_slice(format!(",\"max_tokens\":{most}").as_bytes());
        }
        body.push(b'}');
        body
    }
}

fn add(progress: &Mutex<Progress>, cost: Pico) {
    let mut progress = lock(progress);
    progress.cost = progress.cost.plus(cost);
}

/// Reads what the model writes.
struct Reader {
    number: u64,
    progress: Arc<Mutex<Progress>>,
    out: mpsc::Sender<Message>,
    /// None where nothing is spoken.
    sentences: Option<mpsc::Sender<String>>,
    buffer: Sentences,
    id: String,
}

impl Reader {
    async fn run(mut self, answer: Answer) -> Outcome<()> {
        let mut speech = match answer {
            Answer::Stream { speech, .. } => speech,
            Answer::Whole { .. } | Answer::Sound { .. } => {
                return Err(self.broken("the answer was no stream"));
            }
        };
        while let Some(piece) = speech.next().await {
            match piece {
                Piece::Event(Event::Text { text, .. } | Event::Refusal { text, .. }) => {
                    self.write(text).await?
                }
                Piece::Event(_) | Piece::Bytes(_) => {}
                Piece::End(bill) => {
                    self.pay(&bill);
                    if let Some(rest) = self.buffer.rest() {
                        self.say(rest).await;
                    }
                    return Ok(());
                }
                Piece::Broken(trouble, bill) => {
                    self.pay(&bill);
                    let refusal = Box::new(Refusal::from(&trouble));
                    return Err(Stop::Refused { refusal, request_id: self.id });
                }
            }
        }
        Err(self.broken("the answer ended without its bill"))
    }

    fn broken(&self, why: &str) -> Stop {
        let refusal = Box::new(Refusal::new(502, "stream_broken", why));
        Stop::Refused { refusal, request_id: self.id.clone() }
    }

    fn pay(&self, bill: &Bill) {
        add(&self.progress, bill.cost);
    }

    async fn write(&mut self, text: String) -> Outcome<()> {
        lock(&self.progress).written.push_str(&text);
        let told = Object::of("text").number("turn", self.number).text("delta", &text).end();
        self.out.send(Message::Text(told)).await.map_err(|_| Gone)?;
        self.buffer.write(&text);
        while let Some(sentence) = self.buffer.next() {
            self.say(sentence).await;
        }
        Ok(())
    }

    async fn say(&mut self, sentence: String) {
        if let Some(sentences) = &mut self.sentences {
            // Whoever speaks has given up: it is read on all the same.
            if sentences.send(sentence).await.is_err() {
                self.sentences = None;
            }
        }
    }
}

/// Speaks sentence by sentence; the next is asked for while one is heard.
struct Speaker {
    converser: Arc<Converser>,
    manner: Manner,
    number: u64,
    progress: Arc<Mutex<Progress>>,
    out: mpsc::Sender<Message>,
}

impl Speaker {
    async fn run(mut self, sentences: mpsc::Receiver<String>) -> Outcome<()> {
        let converser = Arc::clone(&self.converser);
        let (manner, number) = (self.manner.clone(), self.number);
        let asked = sentences.enumerate().map(move |(index, sentence)| {
            let (converser, manner) = (Arc::clone(&converser), manner.clone());
            async move {
                let id = converser.name(&format!("{number}-{index}"));
                let spoken = converser.speak(&id, &sentence, &manner).await;
                (index, sentence, id, spoken)
            }
        });
        // Both go on at once: the next is asked for while one is heard.
        let (mut ready, mut next) = mpsc::channel(0);
        let asking = async move {
            let mut asked = std::pin::pin!(asked.buffered(2));
            while let Some(spoken) = asked.next().await {
                ready.send(spoken).await.map_err(|_| Gone)?;
            }
            Ok(())
        };
        let saying = async {
            while let Some((index, sentence, id, spoken)) = next.next().await {
                self.say(index, &sentence, id, spoken).await?;
            }
            Ok(())
        };
        try_join(asking, saying).await.map(|_| ())
    }

    async fn say(
        &mut self,
        index: usize,
        sentence: &str,
        id: String,
        spoken: Result<Spoken, Refusal>,
    ) -> Outcome<()> {
        let refused = |refusal| Stop::Refused { refusal: Box::new(refusal), request_id: id.clone() };
        let Spoken { sound, kind, rate } = spoken.map_err(refused)?;
        let mut begun = Object::of("sentence").number("turn", self.number).number("index", index as u64);
        begun = begun.text("text", sentence).text("content_type", kind).text("request_id", &id);
        if let Some(rate) = rate {
            begun = begun.number("rate", rate.into());
        }
        self.out.send(Message::Text(begun.end())).await.map_err(|_| Gone)?;
        self.heard(sentence);
        self.sound(sound, &id).await?;
        let ended = Object::of("sentence_end").number("turn", self.number).number("index", index as u64);
        self.out.send(Message::Text(ended.end())).await.map_err(|_| Gone)?;
        Ok(())
    }

    fn heard(&self, sentence: &str) {
        if let Some(heard) = &mut lock(&self.progress).heard {
            if !heard.is_empty() {
                heard.push(' ');
            }
            heard.push_str(sentence);
        }
    }

    async fn sound(&mut self, mut sound: BoxStream<'static, Piece>, id: &str) -> Outcome<()> {
        while let Some(piece) = sound.next().await {
            match piece {
                Piece::Bytes(bytes) => self.out.send(Message::Sound(bytes)).await.map_err(|_| Gone)?,
                Piece::Event(_) => {}
                Piece::End(bill) => {
                    add(&self.progress, bill.cost);
                    return Ok(());
                }
                Piece::Broken(trouble, bill) => {
                    add(&self.progress, bill.cost);
                    let refusal = Box::new(Refusal::from(&trouble));
                    return Err(Stop::Refused { refusal, request_id: id.to_owned() });
                }
            }
        }
        Ok(())
    }
}
