//! A conversation from the first message to the last.

use super::Message;
use super::parked::{Held, Parked};
use super::turn::{self, Input, Turn, lock};
use super::words::{self, Object, Said, refused};
use crate::http::Converser;
use crate::refusal::Refusal;
use bytes::Bytes;
use futures::channel::oneshot;
use futures::future::BoxFuture;
use futures::{FutureExt, Sink, Stream};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use vocab::Duration;

/// Turns of one conversation.
pub const TURNS_MAX: u64 = 500;
/// A client that says nothing for so long is gone.
pub const IDLE: Duration = Duration::from_secs(10 * 60);
/// Sound of one turn, in bytes.
pub const SOUND_MAX: usize = 8 << 20;
/// Messages that wait for a client that does not read.
const OUTBOX_MAX: usize = 64;

/// Why a conversation is over: the socket's code (RFC 6455, 7.4) and a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client closed it, or went away.
    Left,
    /// It said that nobody comes back.
    Closed,
    Idle,
    Turns,
    /// Another socket went on with it.
    Taken,
    /// Nobody reads what is answered.
    Unread,
}

impl End {
    pub const fn code(self) -> u16 {
        match self {
            Self::Left | Self::Closed => 1_000,
            // "Private use": 4000 to 4999.
            Self::Idle => 4_408,
            Self::Turns => 4_429,
            Self::Taken => 4_409,
            Self::Unread => 1_008,
        }
    }

    pub const fn reason(self) -> &'static str {
        match self {
            Self::Left | Self::Closed => "",
            Self::Idle => "idle",
            Self::Turns => "turn limit",
            Self::Taken => "taken over by another connection",
            Self::Unread => "nobody reads",
        }
    }
}

/// A conversation whose socket is about to be there.
pub struct Session {
    converser: Arc<Converser>,
    parked: Arc<Parked>,
    account: String,
    id: String,
    held: Held,
}

impl Session {
    pub(crate) fn new(
        converser: Arc<Converser>,
        parked: Arc<Parked>,
        account: String,
        id: String,
        held: Held,
    ) -> Self {
        Self { converser, parked, account, id, held }
    }

    /// Talks until one side has enough. The socket's stream ends when the client is gone.
    pub async fn run<S>(mut self, socket: S) -> End
    where
        S: Stream<Item = Message> + Sink<Message> + Unpin + Send,
    {
        let taken = std::mem::replace(&mut self.held.taken, oneshot::channel().1);
        let mut leaving = Leaving { session: &self, over: false };
        let converser = Arc::clone(&self.converser);
        let mut running = Running {
            session: &self,
            socket,
            outbox: VecDeque::new(),
            turn: None,
            sound: Vec::new(),
            too_long: false,
            taken,
            idle: converser.sleep(IDLE),
        };
        running.greet();
        let end = running.talk().await;
        drop(running);
        leaving.over = matches!(end, End::Closed | End::Turns);
        end
    }

    fn leave(&self, over: bool) {
        self.parked.leave(&self.account, &self.id, &self.held, over, self.converser.now());
    }
}

/// Lets the conversation go, however its socket ends.
struct Leaving<'a> {
    session: &'a Session,
    over: bool,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.session.leave(self.over);
    }
}

struct Running<'a, S> {
    session: &'a Session,
    socket: S,
    outbox: VecDeque<Message>,
    turn: Option<Turn>,
    /// Of the client, since the last turn.
    sound: Vec<u8>,
    /// There was more of it than there is room for.
    too_long: bool,
    taken: oneshot::Receiver<()>,
    idle: BoxFuture<'static, ()>,
}

enum Came {
    Said(Message),
    /// Of the turn; None: it is over.
    Step(Option<Message>),
    End(End),
}

impl<S> Running<'_, S>
where
    S: Stream<Item = Message> + Sink<Message> + Unpin,
{
    fn tell(&mut self, text: String) {
        self.outbox.push_back(Message::Text(text));
    }

    fn greet(&mut self) {
        let (turns, remembered) = {
            let talk = lock(&self.session.held.talk);
            (talk.memory.turns, talk.memory.len())
        };
        let told = Object::of("session").text("session", &self.session.id);
        let told = told.flag("resumed", self.session.held.resumed).number("turns", turns);
        self.tell(told.number("remembered", remembered as u64).end());
    }

    async fn talk(&mut self) -> End {
        loop {
            match poll_fn(|cx| self.poll(cx)).await {
                Came::Said(message) => {
                    self.idle = self.session.converser.sleep(IDLE);
                    if let Some(end) = self.hear(message) {
                        self.interrupt();
                        return end;
                    }
                }
                Came::Step(Some(message)) => self.outbox.push_back(message),
                Came::Step(None) => {
                    self.turn = None;
                    self.idle = self.session.converser.sleep(IDLE);
                }
                Came::End(end) => {
                    self.interrupt();
                    return end;
                }
            }
            if self.outbox.len() > OUTBOX_MAX {
                self.interrupt();
                return End::Unread;
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Came> {
        if let Poll::Ready(true) = self.poll_send(cx) {
            return Poll::Ready(Came::End(End::Left));
        }
        if self.taken.poll_unpin(cx).is_ready() {
            return Poll::Ready(Came::End(End::Taken));
        }
        // Whatever is on its way out, the client is heard: it may want silence.
        if let Poll::Ready(message) = Pin::new(&mut self.socket).poll_next(cx) {
            return Poll::Ready(message.map_or(Came::End(End::Left), Came::Said));
        }
        if self.outbox.is_empty()
            && let Some(turn) = &mut self.turn
            && let Poll::Ready(step) = Pin::new(turn).poll_next(cx)
        {
            return Poll::Ready(Came::Step(step));
        }
        // A turn is not idleness, however long it is.
        if self.turn.is_none() && self.idle.poll_unpin(cx).is_ready() {
            return Poll::Ready(Came::End(End::Idle));
        }
        Poll::Pending
    }

    /// Sends what can be sent; whether the socket is gone.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        while !self.outbox.is_empty() {
            match Pin::new(&mut self.socket).poll_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(true),
                Poll::Pending => break,
            }
            let Some(message) = self.outbox.pop_front() else { break };
            if Pin::new(&mut self.socket).start_send(message).is_err() {
                return Poll::Ready(true);
            }
        }
        Pin::new(&mut self.socket).poll_flush(cx).map(|flushed| flushed.is_err())
    }

    /// What a message wants; how the conversation ends, where it does.
    fn hear(&mut self, message: Message) -> Option<End> {
        let text = match message {
            Message::Sound(piece) => {
                self.gather(&piece);
                return None;
            }
            Message::Text(text) => text,
        };
        match words::read(&text) {
            Err(refusal) => self.refuse(&refusal),
            Ok(Said::Ping) => self.tell(Object::of("pong").end()),
            Ok(Said::Close) => return Some(End::Closed),
            Ok(Said::Interrupt) => self.interrupt(),
            Ok(Said::Settings(manner)) => {
                let told = {
                    let mut talk = lock(&self.session.held.talk);
                    talk.manner.change(*manner);
                    Object::of("settings")
                        .flag("speak", talk.manner.speaks())
                        .text("format", talk.manner.format())
                };
                self.tell(told.end());
            }
            Ok(Said::Text { text }) if text.trim().is_empty() => {
                let message = "text: expected a text, got an empty one";
                self.refuse(&Refusal::new(400, "invalid_request", message));
            }
            Ok(Said::Text { text }) => return self.begin(Input::Text(text)),
            Ok(Said::AudioEnd { format }) => {
                let sound = Bytes::from(std::mem::take(&mut self.sound));
                if std::mem::take(&mut self.too_long) {
                    let message = format!("The sound of a turn has at most {SOUND_MAX} bytes.");
                    self.refuse(&Refusal::new(413, "audio_too_long", message));
                } else if sound.is_empty() {
                    let message = "audio_end: no sound was sent before it";
                    self.refuse(&Refusal::new(400, "invalid_request", message));
                } else {
                    return self
                        .begin(Input::Sound { sound, format: format.unwrap_or_else(|| "wav".into()) });
                }
            }
        }
        None
    }

    fn refuse(&mut self, refusal: &Refusal) {
        self.tell(refused(refusal, None, None));
    }

    fn gather(&mut self, piece: &[u8]) {
        if self.sound.len() + piece.len() > SOUND_MAX {
            self.too_long = true;
            self.sound = Vec::new();
        }
        if !self.too_long {
            self.sound.extend_from_slice(piece);
        }
    }

    /// Whoever speaks while he is spoken to interrupts.
    fn begin(&mut self, input: Input) -> Option<End> {
        self.interrupt();
        let number = {
            let mut talk = lock(&self.session.held.talk);
            if talk.memory.turns >= TURNS_MAX {
                return Some(End::Turns);
            }
            talk.memory.turns += 1;
            talk.memory.turns
        };
        let talk = Arc::clone(&self.session.held.talk);
        self.turn = Some(turn::begin(Arc::clone(&self.session.converser), talk, number, input));
        None
    }

    /// Ends the turn under way. What was made is paid for; what was heard of it is remembered.
    fn interrupt(&mut self) {
        let Some(turn) = self.turn.take() else { return };
        let (number, progress) = (turn.number, turn.progress());
        drop(turn);
        // Sound of it that is not out yet would be heard after the silence that was asked for.
        self.outbox.retain(|message| matches!(message, Message::Text(_)));
        let answered = progress.heard.unwrap_or(progress.written);
        lock(&self.session.held.talk).memory.keep(progress.user, answered);
        let told = Object::of("turn_end").number("turn", number).text("reason", "interrupted");
        // Calls that were hung up on are settled behind it and are not in the sum.
        self.tell(told.usd("cost_so_far_usd", progress.cost).end());
    }
}
