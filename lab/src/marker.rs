//! Instructions to the lab inside a prompt, so that a test can say what it wants where it asks.
//!
//! A marker is `[[lab: key=value key="a value with spaces" word …]]` anywhere in the last message of the user. It
//! counts as text like any other. Several markers add up. Unknown words are ignored.
//!
//! | key | meaning |
//! | --- | --- |
//! | `fault=KIND` | a [`Kind`](crate::Kind); may be repeated. Figures that follow belong to it |
//! | `after=N`, `ms=N`, `status=N`, `retry_after=N`, `size=N` | figures of the fault before them |
//! | `tokens=N` | length of the answer |
//! | `reasoning=N` | that many tokens of reasoning, where the model reasons at all |
//! | `calls=N` | that many tool calls (0: none), where tools are offered |
//! | `say="TEXT"` | exactly this answer |
//! | `refuse="TEXT"` | the model refuses in these words, where the dialect has words apart for that; else they are its answer |
//! | `cite="URL"` | what the answer says behind its first colon, or all of it, is said to rest on this page, where the dialect has a way to say so |
//! | `written=N` | that many tokens of the prompt are said to be written to the cache, where that is ever said |
//! | `only=NAME` | what follows in this marker counts only for the provider of that name; may be repeated: `only=a,b` |
//! | `first=N` | what follows counts only for the first N requests that carry this very marker (over all providers that it counts for) |

use crate::trouble::{Kind, Trouble, Troubles};

/// What the markers of a prompt ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marker {
    pub troubles: Troubles,
    pub tokens: Option<u32>,
    pub reasoning: Option<u32>,
    pub calls: Option<u32>,
    pub say: Option<String>,
    pub refuse: Option<String>,
    pub cite: Option<String>,
    pub written: Option<u32>,
}

impl Marker {
    /// Reads every marker in `text` as `provider` would. `count` is told the text of a marker with `first=` and
    /// answers how many requests carried it before this one.
    pub fn read(text: &str, provider: &str, count: &mut dyn FnMut(&str) -> u32) -> Self {
        let mut out = Self::default();
        let mut rest = text;
        while let Some(start) = rest.find("[[lab:") {
            let body = &rest[start + 6..];
            let Some(end) = body.find("]]") else { break };
            out.add(&body[..end], provider, count);
            rest = &body[end + 2..];
        }
        out
    }

    fn add(&mut self, body: &str, provider: &str, count: &mut dyn FnMut(&str) -> u32) {
        for (key, value) in words(body) {
            let number = value.parse::<u32>().ok();
            let last = self.troubles.0.last_mut();
            match (key, last) {
                ("only", _) if !value.split(',').any(|name| name == provider) => return,
                ("first", _) if count(body) >= number.unwrap_or(u32::MAX) => return,
                ("fault", _) => self.troubles.0.extend(Kind::named(&value).map(Trouble::of)),
                ("after", Some(t)) => t.after = number,
                ("ms", Some(t)) => t.ms = number.map(u64::from),
                ("status", Some(t)) => t.status = value.parse().ok(),
                ("retry_after", Some(t)) => t.retry_after = number,
                ("size", Some(t)) => t.size = number,
                ("tokens", _) => self.tokens = number,
                ("reasoning", _) => self.reasoning = number,
                ("calls", _) => self.calls = number,
                ("say", _) => self.say = Some(value),
                ("refuse", _) => self.refuse = Some(value),
                ("cite", _) => self.cite = Some(value),
                ("written", _) => self.written = number,
                _ => {}
            }
        }
    }
}

/// `key=value` pairs; a value in double quotes may hold spaces.
fn words(body: &str) -> Vec<(&str, String)> {
    let mut out = Vec::new();
    let mut rest = body.trim_start();
    while !rest.is_empty() {
        let stop = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let (key, after) = rest.split_at(stop);
        let Some(after) = after.strip_prefix('=') else {
            out.push((key, String::new()));
            rest = after.trim_start();
            continue;
        };
        let (value, left) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_at(after.find(char::is_whitespace).unwrap_or(after.len())),
        };
        out.push((key, value.to_owned()));
        rest = left.trim_start();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Marker {
        Marker::read(text, "a", &mut |_| 1)
    }

    #[test]
    fn a_prompt_says_what_it_wants() {
        let marker = read(
            r#"Hi [[lab: fault=cut after=5 tokens=40]] and [[lab: say="two words" calls=2 fault=crlf]]"#,
        );
        assert_eq!(marker.troubles.0, vec![Trouble::of(Kind::Cut).after(5), Trouble::of(Kind::Crlf)]);
        assert_eq!((marker.tokens, marker.calls), (Some(40), Some(2)));
        assert_eq!(marker.say.as_deref(), Some("two words"));
    }

    #[test]
    fn a_marker_may_mean_one_provider_or_the_first_requests() {
        assert!(read("[[lab: only=a,c fault=cut]]").troubles.has(Kind::Cut));
        assert!(!read("[[lab: only=b fault=cut]]").troubles.has(Kind::Cut));
        assert!(read("[[lab: first=2 fault=cut]]").troubles.has(Kind::Cut));
        assert!(!read("[[lab: first=1 fault=cut]]").troubles.has(Kind::Cut));
    }

    #[test]
    fn nonsense_is_ignored() {
        for text in
            ["[[lab:", "[[lab:]]", "[[lab: = == \"]]", "[[lab: fault=what after=x]]", "[[lab: say=\"open]]"]
        {
            assert!(read(text).troubles.0.is_empty(), "{text}");
        }
    }
}
