//! What holds for a stream of any dialect.

use super::Watch;
use crate::openai::OPENAI;
use crate::{Adapter, Anthropic, Gemini, OpenAi, Responses};
use bytes::Bytes;

#[test]
fn what_is_too_large_to_be_kept_back_comes_after_what_came_before_it() {
    let comment = ": hello\n\n";
    let watches: [fn() -> Watch; 4] = [
        || OpenAi(&OPENAI).watch(false).unwrap(),
        || Responses.watch(false).unwrap(),
        || Anthropic.watch(false).unwrap(),
        || Gemini.watch(false).unwrap(),
    ];
    for watch in watches {
        let (mut watch, mut out) = (watch(), vec![]);
        let sent = format!("{comment}data: {{\"text\":\"{}", "x".repeat(70_000));
        watch.pass(Bytes::from(sent.clone()), &mut out).unwrap();
        assert!(out.concat() == sent.as_bytes(), "{watch:.0?}: it begins with {:?}", out[0].get(..20));
        let rest = format!("{}\"}}\n\n{comment}", "y".repeat(70_000));
        watch.pass(Bytes::from(rest.clone()), &mut out).unwrap();
        assert!(out.concat() == [sent, rest].concat().as_bytes());
    }
}
