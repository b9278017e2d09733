//! The paths that ask what was said: a form with a file that goes by while it comes.

use super::asks::{troubled, untold};
use super::fields::Response;
use super::heads;
use super::read::{self, Patience};
use super::serve::{Call, Front};
use crate::multipart::{Head, Parts, Step};
use crate::openai::transcripts::{self, Fields};
use crate::refusal::Refusal;
use crate::report::credits;
use crate::wishes;
use bytes::Bytes;
use futures::future::{Either, select};
use http::header::CONTENT_TYPE;
use http_body::Body;
use relay::ports::Clock;
use relay::{Answer, BadInput, Content, Hear, Tape, Trouble, Words};
use std::fmt::Display;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use vocab::{Dice, Duration, Listen};

/// One field that is no file.
const FIELD_MAX: usize = 1 << 20;
/// All of them together: samples of speakers' voices are among them.
const FIELDS_MAX: usize = 8 << 20;
/// More than there are fields.
const PARTS_MAX: usize = 128;

/// A form as it comes.
struct Form<'a, B> {
    body: Pin<&'a mut B>,
    patience: Patience<'a>,
    parts: Parts,
    /// Bytes of the body that came, and how many may.
    came: u64,
    most: u64,
    /// The body is over.
    over: bool,
}

impl<B> Form<'_, B>
where
    B: Body<Data = Bytes> + Send,
    B::Error: Display,
{
    async fn next(&mut self) -> Result<Step, Refusal> {
        loop {
            match self.parts.next().map_err(unreadable)? {
                Step::More if self.over => return Err(unreadable("it ends before its last boundary")),
                Step::More => {}
                step => return Ok(step),
            }
            match read::next(&mut self.body, &mut self.patience).await? {
                Some(data) => {
                    self.came = self.came.saturating_add(data.len() as u64);
                    if self.came > self.most {
                        return Err(read::too_large(self.most));
                    }
                    self.parts.feed(data);
                }
                None => self.over = true,
            }
        }
    }

    /// The rest of a field.
    async fn field(&mut self, name: &str, room: &mut usize) -> Result<String, Refusal> {
        let mut value = Vec::new();
        loop {
            match self.next().await? {
                Step::Data(data) => {
                    if value.len() + data.len() > (*room).min(FIELD_MAX) {
                        let message =
                            format!("{name}: longer than {FIELD_MAX} bytes, the most taken of a field");
                        return Err(Refusal { status: 413, ..BadInput::at(name, message).into() });
                    }
                    value.extend_from_slice(&data);
                }
                Step::PartEnd => break,
                _ => return Err(unreadable("a part does not end")),
            }
        }
        *room -= value.len();
        let utf8 = String::from_utf8(value);
        utf8.map_err(|_| BadInput::at(name, format!("{name}: expected a text in UTF-8")).into())
    }

    /// The rest of the file, onto the tape as there is room. What comes behind it cannot be told to who hears it already.
    async fn play(&mut self, tape: &Tape, clock: &dyn Clock) -> Result<(), Refusal> {
        loop {
            poll_fn(|cx| tape.poll_room(cx)).await;
            match self.next().await? {
                Step::Data(data) => tape.record(&data, clock.now()),
                Step::PartEnd => {}
                Step::End => {
                    tape.end(clock.now());
                    return Ok(());
                }
                Step::Part(Head { name, .. }) => return Err(too_late(&name)),
                Step::More => return Err(unreadable("nothing more is there")),
            }
        }
    }
}

/// What a form is about.
struct Read {
    fields: Fields,
    head: Head,
    tape: Arc<Tape>,
}

impl Front {
    /// What was said in a file; with `translate` in English.
    pub(super) async fn hear<B>(
        &self,
        call: &Call<'_>,
        translate: bool,
        body: B,
        response: &mut Response,
    ) -> Result<Duration, Refusal>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Display,
    {
        let wished = wishes::of_headers(&call.head.headers)?;
        read::plain(&call.head.headers)?;
        let kind = call.head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let parts = kind.and_then(Parts::new).ok_or_else(|| {
            let message = "A file is sent as a form: Content-Type: multipart/form-data; boundary=…, with the fields model and file.";
            Refusal::new(415, "unsupported_media_type", message)
        })?;
        let most = call.settings.upload_max as u64;
        let promised = read::promised(&call.head.headers);
        if promised.is_some_and(|length| length > most) {
            return Err(read::too_large(most));
        }
        let clock = self.relay.clock();
        let body = pin!(body);
        let idle = Duration::from_millis(call.settings.body_idle_ms);
        let patience = Patience::new(idle, clock);
        let mut form = Form { body, patience, parts, came: 0, most, over: false };
        let Read { fields, head, tape } = begin(&mut form, call, clock).await?;
        if tape.size() == Some(0) {
            return Err(BadInput::at("file", "file: it is empty").into());
        }
        let file = head.file.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| "audio".into());
        let mime = head.mime.unwrap_or_else(|| "application/octet-stream".into());
        let length = tape.length(promised.unwrap_or(most));
        let asked = fields.ask(translate, file, mime, length)?;
        let (listen, stream) = (asked.listen.clone(), asked.stream);
        let hear = Hear {
            brief: asked.brief,
            listen: asked.listen,
            tape: tape.clone(),
            boundary: boundary(call.seed),
        };
        let mut ask = call.ask(Words::Hear(Box::new(hear)), wished);
        let admitted = self.admit_whole(call, &mut ask, &mut response.fields).await;
        let answer = match admitted {
            Err(trouble) => {
                self.tell_over(call, &trouble, &mut response.fields);
                Err(trouble)
            }
            Ok(()) if tape.is_over() => Box::pin(self.relay.serve(ask)).await,
            Ok(()) => {
                let serving = Box::pin(self.relay.serve(ask));
                let playing = Box::pin(form.play(&tape, clock));
                match select(serving, playing).await {
                    Either::Left((answer, _)) => answer,
                    Either::Right((Ok(()), serving)) => serving.await,
                    // Whoever is asked hears that it breaks off.
                    Either::Right((Err(refusal), _)) => return Err(refusal),
                }
            }
        };
        self.told(call, &listen, stream, answer, response)
    }

    fn told(
        &self,
        call: &Call<'_>,
        listen: &Listen,
        stream: bool,
        answer: Result<Answer, Trouble>,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        let answer = answer.map_err(|trouble| refused(call.id, &trouble))?;
        let Answer::Whole { served, content, bill } = answer else { return Err(untold(call.id)) };
        let (kind, body) = match content {
            Content::Raw(bytes) => ("application/json", bytes),
            Content::Heard(said) => {
                let told = transcripts::whole(&said, listen, &bill.usage);
                (told.kind, told.body.into())
            }
            _ => return Err(untold(call.id)),
        };
        let events = if stream { transcripts::events(&body, listen.script) } else { None };
        let (kind, body) = events.map_or((kind, body), |events| ("text/event-stream", events.into()));
        response.body = body.into();
        heads::heard(&mut response.fields, kind, &served, &bill, &credits(call.settings));
        Ok(bill.upstream)
    }
}

/// Reads up to where somebody can be asked: all of the form, or as much as is kept of a file.
async fn begin<B>(form: &mut Form<'_, B>, call: &Call<'_>, clock: &dyn Clock) -> Result<Read, Refusal>
where
    B: Body<Data = Bytes> + Send,
    B::Error: Display,
{
    let (mut fields, mut found) = (Fields::default(), None);
    let (mut count, mut room) = (0, FIELDS_MAX);
    loop {
        let head = match form.next().await? {
            Step::Part(head) => head,
            Step::End => break,
            _ => return Err(unreadable("a part does not begin")),
        };
        count += 1;
        if count > PARTS_MAX {
            return Err(unreadable("it has too many parts"));
        }
        if head.name != "file" {
            let value = form.field(&head.name, &mut room).await?;
            fields.add(head.name, value)?;
            continue;
        }
        if found.is_some() {
            return Err(BadInput::at("file", "file: one at a time").into());
        }
        // Without a model nobody can be asked, so the file waits for the fields behind it.
        let waits = !fields.name_a_model();
        let window = if waits { call.settings.body_max } else { call.settings.upload_window };
        let tape = Tape::new(window);
        loop {
            if tape.is_full() {
                if waits {
                    return Err(too_early(window));
                }
                return Ok(Read { fields, head, tape });
            }
            match form.next().await? {
                Step::Data(data) => tape.record(&data, clock.now()),
                Step::PartEnd => break,
                _ => return Err(unreadable("a part does not end")),
            }
        }
        found = Some((head, tape));
    }
    let Some((head, tape)) = found else {
        return Err(BadInput::at("file", "file: there is none in the form").into());
    };
    tape.end(clock.now());
    Ok(Read { fields, head, tape })
}

/// Letters that part the fields of a form from a file. Nobody knows the request's seed before it is over.
pub(super) fn boundary(seed: u64) -> String {
    // A throw apart: what decides must not follow from what providers are told.
    let mut dice = Dice::seeded(seed ^ 0x6261_7273_6f75_6e64);
    format!("weir-{:016x}{:016x}", dice.roll(), dice.roll())
}

fn unreadable(why: &str) -> Refusal {
    Refusal::new(400, "invalid_form", format!("The form cannot be read: {why}."))
}

fn too_late(field: &str) -> Refusal {
    let field: String = field.chars().take(64).collect();
    let message = format!(
        "{field}: it came behind a file that is too large to be kept until then. Put all fields before the file."
    );
    BadInput::at(field, message).into()
}

fn too_early(most: usize) -> Refusal {
    let message = format!(
        "file: it came before the model is named and is larger than {most} bytes, the most that is kept until then. Put all fields before the file."
    );
    Refusal { status: 413, ..BadInput::at("file", message).into() }
}

/// What one of them cannot be told is a field of the request.
fn refused(id: &str, trouble: &Trouble) -> Refusal {
    let mut refusal = troubled(id, trouble);
    if let Trouble::NoCandidate(all) = trouble {
        let field = |why: &str| {
            let (field, _) = why.split_once(": ")?;
            let plain = |c: char| c.is_ascii_alphanumeric() || "._[]".contains(c);
            field.chars().all(plain).then(|| field.into())
        };
        refusal.param = all.iter().find_map(|(_, why)| field(why));
    }
    refusal
}
