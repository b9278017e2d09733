//! What was said so far.

use crate::openai::write::json;
use std::collections::VecDeque;

/// The exchanges that a model is told again.
pub const TURNS_MAX: usize = 50;
/// And their bytes. What one turn says is bounded by the request's own limits.
pub const BYTES_MAX: usize = 128 << 10;

/// One exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Exchange {
    user: String,
    /// As far as it was heard, where it was interrupted.
    assistant: String,
}

impl Exchange {
    fn size(&self) -> usize {
        self.user.len() + self.assistant.len()
    }
}

/// The last exchanges of a conversation, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    exchanges: VecDeque<Exchange>,
    bytes: usize,
    /// How many there have been, those that are forgotten too.
    pub turns: u64,
}

impl Memory {
    /// A turn is over. One that brought nothing is not remembered: a model that is told that it was silent stays so.
    pub fn keep(&mut self, user: String, assistant: String) {
        if assistant.is_empty() {
            return;
        }
        let exchange = Exchange { user, assistant };
        self.bytes += exchange.size();
        self.exchanges.push_back(exchange);
        while self.exchanges.len() > TURNS_MAX || (self.bytes > BYTES_MAX && self.exchanges.len() > 1) {
            let Some(oldest) = self.exchanges.pop_front() else { break };
            self.bytes -= oldest.size();
        }
    }

    /// As `messages` of a request, with what is said now behind them.
    pub fn messages(&self, now: &str, out: &mut Vec<u8>) {
        out.push(b'[');
        for exchange in &self.exchanges {
            message(out, "user", &exchange.user);
            out.push(b',');
            message(out, "assistant", &exchange.assistant);
            out.push(b',');
        }
        message(out, "user", now);
        out.push(b']');
    }

    pub fn len(&self) -> usize {
        self.exchanges.len()
    }

    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

fn message(out: &mut Vec<u8>, role: &str, text: &str) {
    out.extend_from_slice(br#"{"role":""#);
    out.extend_from_slice(role.as_bytes());
    out.extend_from_slice(br#"","content":"#);
    json(out, text);
    out.push(b'}');
}
