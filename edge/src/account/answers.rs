//! Answers under idempotency keys, with the account's object: what is asked of it, and what it answers.
//!
//! The object has one call at a time, so of requests under one name exactly one is told that it is first, on whichever
//! isolate it came. What is being answered is a row as well, which counts for nothing once its time is over: an isolate
//! that dies leaves one behind.

use serde::{Deserialize, Serialize};
use std::fmt::Display;
use vocab::Instant;

/// The largest answer that is kept here: as text it has to fit into one row of the object's storage, which has 2 MB.
pub const ANSWER_MAX: usize = 1 << 20;

/// A letter about answers.
#[derive(Debug, Serialize, Deserialize)]
pub struct Asking {
    pub account: String,
    /// The key's name, in hexadecimal.
    pub name: String,
    pub now: Instant,
    pub what: What,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Takes the name for a request with this digest, until then at most.
    Claim {
        request: String,
        until: Instant,
    },
    /// Keeps the answer, in base64.
    Keep {
        number: u64,
        request: String,
        answer: String,
        until: Instant,
        total_max: u64,
    },
    GiveUp {
        number: u64,
    },
}

/// What comes back.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    Yours { number: u64 },
    Kept { request: String, answer: String },
    Busy { request: String },
    Done,
}

/// What is under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// Which claim it is.
    pub number: u64,
    pub request: String,
    /// When it counts for nothing any more.
    pub until: Instant,
    /// None while it is being made.
    pub answer: Option<String>,
}

/// Where they are. Everything between two waits of the caller is one transaction.
pub trait Holes {
    type Error: Display;

    fn hole(&self, name: &str) -> Result<Option<Hole>, Self::Error>;
    fn fill(&mut self, name: &str, hole: &Hole) -> Result<(), Self::Error>;
    fn empty(&mut self, name: &str) -> Result<(), Self::Error>;
    /// Forgets what is too old, and the oldest answers beyond so many bytes.
    fn tidy(&mut self, now: Instant, most: u64) -> Result<(), Self::Error>;
}

/// Does what is asked.
pub fn answers<H: Holes>(holes: &mut H, asking: Asking) -> Result<Told, H::Error> {
    let Asking { name, now, what, .. } = asking;
    let there = holes.hole(&name)?.filter(|hole| hole.until > now);
    let ours = |number| there.as_ref().is_some_and(|hole| hole.number == number && hole.answer.is_none());
    match what {
        What::Claim { request, until } => {
            if let Some(Hole { request, answer, .. }) = there {
                return Ok(match answer {
                    Some(answer) => Told::Kept { request, answer },
                    None => Told::Busy { request },
                });
            }
            // Of two that have a name one after the other the second has another number.
            let number = now.as_micros();
            holes.fill(&name, &Hole { number, request, until, answer: None })?;
            Ok(Told::Yours { number })
        }
        What::Keep { number, request, answer, until, total_max } => {
            if ours(number) {
                holes.fill(&name, &Hole { number, request, until, answer: Some(answer) })?;
                holes.tidy(now, total_max)?;
            }
            Ok(Told::Done)
        }
        What::GiveUp { number } => {
            if ours(number) {
                holes.empty(&name)?;
            }
            Ok(Told::Done)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    #[derive(Default)]
    struct Memory(BTreeMap<String, (u64, Hole)>, u64);

    impl Holes for Memory {
        type Error = Infallible;

        fn hole(&self, name: &str) -> Result<Option<Hole>, Infallible> {
            Ok(self.0.get(name).map(|(_, hole)| hole.clone()))
        }

        fn fill(&mut self, name: &str, hole: &Hole) -> Result<(), Infallible> {
            self.1 += 1;
            self.0.insert(name.into(), (self.1, hole.clone()));
            Ok(())
        }

        fn empty(&mut self, name: &str) -> Result<(), Infallible> {
            self.0.remove(name);
            Ok(())
        }

        fn tidy(&mut self, now: Instant, most: u64) -> Result<(), Infallible> {
            self.0.retain(|_, (_, hole)| hole.until > now);
            let size = |hole: &Hole| hole.answer.as_ref().map_or(0, String::len) as u64;
            while self.0.values().map(|(_, hole)| size(hole)).sum::<u64>() > most {
                let answered = self.0.iter().filter(|(_, (_, hole))| hole.answer.is_some());
                let Some(oldest) =
                    answered.min_by_key(|(_, (place, _))| *place).map(|(name, _)| name.clone())
                else {
                    break;
                };
                self.0.remove(&oldest);
            }
            Ok(())
        }
    }

    fn at(second: u64) -> Instant {
        Instant::from_secs(second)
    }

    fn ask(memory: &mut Memory, name: &str, second: u64, what: What) -> Told {
        let asking = Asking { account: "red".into(), name: name.into(), now: at(second), what };
        // As it crosses from an isolate to the object.
        let asking = serde_json::from_str(&serde_json::to_string(&asking).unwrap()).unwrap();
        answers(memory, asking).unwrap_or_else(|never| match never {})
    }

    fn claim(memory: &mut Memory, name: &str, second: u64) -> Told {
        ask(memory, name, second, What::Claim { request: "r".into(), until: at(second + 10) })
    }

    fn keep(memory: &mut Memory, name: &str, second: u64, number: u64) {
        let (request, answer, until) = ("r".into(), "0123456789".into(), at(second + 100));
        let told = ask(memory, name, second, What::Keep { number, request, answer, until, total_max: 25 });
        assert_eq!(told, Told::Done);
    }

    fn first(memory: &mut Memory, name: &str, second: u64) -> u64 {
        match claim(memory, name, second) {
            Told::Yours { number } => number,
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn one_is_first_and_the_others_are_told_what_he_was_told() {
        let mut memory = Memory::default();
        let number = first(&mut memory, "a", 0);
        assert_eq!(claim(&mut memory, "a", 1), Told::Busy { request: "r".into() });
        keep(&mut memory, "a", 2, number);
        let kept = Told::Kept { request: "r".into(), answer: "0123456789".into() };
        assert_eq!(claim(&mut memory, "a", 101), kept);
        // A word that comes late changes nothing.
        assert_eq!(ask(&mut memory, "a", 3, What::GiveUp { number }), Told::Done);
        assert_eq!(claim(&mut memory, "a", 101), kept);
        assert!(matches!(claim(&mut memory, "a", 102), Told::Yours { .. }), "its time is over");
    }

    #[test]
    fn who_gives_up_or_is_not_heard_of_leaves_the_name() {
        let mut memory = Memory::default();
        let number = first(&mut memory, "a", 0);
        ask(&mut memory, "a", 1, What::GiveUp { number });
        let lost = first(&mut memory, "a", 2);
        let second = first(&mut memory, "a", 12);
        assert_ne!(lost, second);
        // Who comes back too late keeps nothing under a name that is another's by now, and does not take it from him.
        keep(&mut memory, "a", 13, lost);
        ask(&mut memory, "a", 13, What::GiveUp { number: lost });
        assert_eq!(claim(&mut memory, "a", 14), Told::Busy { request: "r".into() });
        keep(&mut memory, "a", 15, second);
        assert!(matches!(claim(&mut memory, "a", 16), Told::Kept { .. }));
    }

    #[test]
    fn the_oldest_make_room() {
        let mut memory = Memory::default();
        for (second, name) in ["a", "b", "c"].into_iter().enumerate() {
            let second = second as u64;
            let number = first(&mut memory, name, second);
            keep(&mut memory, name, second, number);
        }
        assert!(matches!(claim(&mut memory, "a", 4), Told::Yours { .. }));
        assert!(matches!(claim(&mut memory, "b", 4), Told::Kept { .. }));
        assert!(matches!(claim(&mut memory, "c", 4), Told::Kept { .. }));
    }
}
