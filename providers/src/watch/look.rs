//! What a dialect adds to the watching of a stream.

use crate::{Reading, Sse};
use bytes::Bytes;
use std::fmt::Debug;
use vocab::{Event, Fault, Finish, Frame, Usage};

/// What is to be done with a whole frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes on; whether it held content.
    Pass(bool),
    /// It is not for the client.
    Drop,
}

/// What became of the last bytes of a stream, which no blank line ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// They are a frame that broke off.
    Cut,
    Pass,
    Drop,
    Instead(Bytes),
}

/// What a stream told so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub reading: Reading,
    /// What was reported last.
    pub usage: Option<Usage>,
    /// Bytes of text, reasoning, refusals and tool arguments.
    pub text_bytes: usize,
    /// A client would have noticed something by now.
    pub content: bool,
    /// A finish reason was given; which, where its frame was small enough to be parsed.
    pub finished: bool,
    pub finish: Option<Finish>,
    /// The protocol's own end mark was there.
    pub done: bool,
    /// Something was read already: a byte order mark counts at the beginning of a stream only.
    pub begun: bool,
    events: Vec<Event>,
}

impl Findings {
    pub const fn measured(&mut self, text: usize) {
        self.text_bytes = self.text_bytes.saturating_add(text);
    }

    /// The long way: every frame in `bytes` is told to `read`.
    pub fn parse(
        &mut self,
        bytes: &[u8],
        mut read: impl FnMut(&mut Self, &Frame<'_>) -> Result<Verdict, Fault>,
    ) -> Result<Verdict, Fault> {
        let mut sse = Sse::with_limit(usize::MAX);
        if std::mem::replace(&mut self.begun, true) {
            sse.feed(Bytes::from_static(b"\n"));
        }
        sse.feed(Bytes::copy_from_slice(bytes));
        let mut all = Verdict::Pass(false);
        while let Some(frame) = sse.take()? {
            all = match (all, read(self, &frame)?) {
                (Verdict::Pass(before), Verdict::Pass(content)) => Verdict::Pass(before | content),
                _ => Verdict::Drop,
            };
        }
        Ok(all)
    }

    /// Has `decode` read something, and takes what its events tell, also of what came before a fault. Whether there was
    /// content among them.
    pub fn take<T>(
        &mut self,
        decode: impl FnOnce(&mut Reading, &mut Vec<Event>) -> Result<T, Fault>,
    ) -> (bool, Result<T, Fault>) {
        let decoded = decode(&mut self.reading, &mut self.events);
        let mut content = false;
        let mut text_bytes = 0;
        for event in self.events.drain(..) {
            content |= event.is_content();
            match event {
                Event::Text { text, .. } | Event::Reasoning { text, .. } | Event::Refusal { text, .. } => {
                    text_bytes += text.len();
                }
                Event::ToolArgs { fragment, .. } => text_bytes += fragment.len(),
                Event::Usage(usage) => self.usage = Some(usage),
                Event::Finish { reason, .. } => {
                    self.finished = true;
                    self.finish = Some(reason);
                }
                Event::End => self.done = true,
                Event::Start { .. }
                | Event::Signature { .. }
                | Event::ToolStart { .. }
                | Event::Citation(_) => {}
            }
        }
        self.measured(text_bytes);
        self.content |= content;
        (content, decoded)
    }
}

/// How frames of one dialect are looked at as they pass.
pub(crate) trait Look: Debug {
    /// What is kept of a frame that is too large to be kept back.
    type Giant: Debug;

    /// What a stream without an end mark lacks.
    const LACKS: &'static str;

    /// A frame like the one before, told without looking for its end: its length, and that of its text.
    fn again(&mut self, bytes: &[u8]) -> Option<(usize, usize)> {
        let _ = bytes;
        None
    }

    /// Looks at one whole frame, of which the first line is `line` long.
    fn inspect(&mut self, found: &mut Findings, frame: &[u8], line: usize) -> Result<Verdict, Fault>;

    /// A frame goes on as it comes that begins with `head`. Whether that is content already.
    fn giant(&mut self, found: &mut Findings, head: &[u8]) -> (Self::Giant, bool);

    /// More of it. Whether that is content already.
    fn giant_goes_on(&mut self, found: &mut Findings, giant: &mut Self::Giant, more: &[u8]) -> bool;

    /// All of it was there. Whether there was content in it.
    fn giant_ends(&mut self, found: &mut Findings, giant: Self::Giant) -> Result<bool, Fault>;

    /// The stream ended with this, which is neither white space nor a comment.
    fn rest(&mut self, found: &mut Findings, rest: &[u8]) -> Rest;

    fn usage(&self, found: &Findings) -> Option<Usage> {
        found.usage
    }

    fn finished(&self, found: &Findings) -> bool {
        found.finished
    }

    fn done(&self, found: &Findings) -> bool {
        found.done
    }

    /// The stream may end here.
    fn whole(&self, found: &Findings) -> bool {
        self.done(found)
    }
}

/// For fields of which a parser would take the last of several.
pub(crate) fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}
