//! What an answer rests on, told in every protocol: each has another place for it and counts in another unit.

use crate::openai::Label;
use crate::samples::{args, call, cited, ended, named_frames, seal, text, thought};
use crate::{anthropic, gemini, openai, responses};
use bytes::Bytes;
use serde_json::{Value, json};
use vocab::{Event, Finish};

const PAGE: &str = "https://example.com/zq";
const OTHER: &str = "https://example.org/2";

/// 9 characters in 15 bytes; 10; and 19, with one of three bytes.
const SAID: [&str; 3] = ["Größe 𝄞: ", "so ist es.", " Und 3 € kostet es."];

/// A text with two passages that rest on three pages, a document, and a page for nothing in particular.
fn told() -> Vec<Event> {
    let mut all: Vec<Event> = SAID.iter().map(|piece| text(piece)).collect();
    all.extend([
        cited(Some(9..19), Some(PAGE)),
        cited(Some(9..19), Some(OTHER)),
        cited(Some(24..27), Some(PAGE)),
        cited(Some(0..5), None),
        cited(None, Some("https://example.net/unsaid")),
    ]);
    ended(all, Finish::Stop)
}

fn label() -> Label {
    Label { id: "r-1".into(), created: 7, model: "m".into() }
}

fn parsed(body: Vec<u8>) -> Value {
    serde_json::from_slice(&body).unwrap()
}

/// Data of server-sent events without names, but for the end mark.
fn data(said: Vec<u8>) -> Vec<Value> {
    let said = String::from_utf8(said).unwrap();
    let lines = said.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    lines.map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[test]
fn chat_completions_count_characters_of_the_message() {
    let page = |url: &str, start: u32, end: u32| {
        let page = json!({"start_index": start, "end_index": end, "title": "A page", "url": url});
        json!({"type": "url_citation", "url_citation": page})
    };
    let should =
        [page(PAGE, 9, 19), page(OTHER, 9, 19), page(PAGE, 24, 27), page("https://example.net/unsaid", 0, 0)];
    let whole = parsed(openai::whole(&told(), &label()));
    assert_eq!(whole["choices"][0]["message"]["annotations"], json!(should));

    let (mut writer, mut out) = (openai::Chunks::new(label(), false), Vec::new());
    told().iter().for_each(|event| writer.event(event, &mut out));
    let deltas: Vec<Value> = data(out)
        .iter()
        .flat_map(|chunk| chunk["choices"][0]["delta"]["annotations"].as_array().cloned().unwrap_or_default())
        .collect();
    assert_eq!(deltas, should);
}

#[test]
fn what_rests_on_nothing_has_no_annotations() {
    for events in
        [ended(vec![text("x")], Finish::Stop), ended(vec![text("x"), cited(None, None)], Finish::Stop)]
    {
        let whole = parsed(openai::whole(&events, &label()));
        assert!(whole["choices"][0]["message"].get("annotations").is_none());
        let whole = parsed(anthropic::whole(&events, &label()));
        assert_eq!(whole["content"], json!([{"type": "text", "text": "x"}]));
    }
}

#[test]
fn responses_count_characters_of_the_part() {
    // A thought in between: what is behind it is another item, and counts from there.
    let mut events = told();
    events.insert(2, thought("hm"));
    let page = |url: &str, start: u32, end: u32| json!({"type": "url_citation", "start_index": start, "end_index": end, "title": "A page", "url": url});
    let parts = [
        json!([page(PAGE, 9, 19), page(OTHER, 9, 19)]),
        json!([page(PAGE, 5, 8), page("https://example.net/unsaid", 0, 0)]),
    ];
    let whole = parsed(responses::whole(&events, label(), Bytes::from_static(b"{}"), true));
    assert_eq!(responses::schema::of("Response", &whole), Vec::<String>::new());
    let said: Vec<&Value> =
        whole["output"].as_array().unwrap().iter().filter(|item| item["type"] == "message").collect();
    assert_eq!(
        said.iter().map(|item| &item["content"][0]["annotations"]).collect::<Vec<_>>(),
        parts.iter().collect::<Vec<_>>()
    );

    let (mut writer, mut out) =
        (responses::Frames::new(label(), Bytes::from_static(b"{}"), true), Vec::new());
    events.iter().for_each(|event| writer.event(event, &mut out));
    let frames = named_frames(out);
    for frame in &frames {
        assert_eq!(responses::schema::frame(frame), Vec::<String>::new(), "{frame}");
    }
    // What is over is told of only with the whole, at the end.
    let told: Vec<&Value> = frames
        .iter()
        .filter(|f| f["type"] == "response.output_text.annotation.added")
        .map(|f| &f["annotation"])
        .collect();
    assert_eq!(json!(told), parts[1]);
    let last = &frames.last().unwrap()["response"]["output"];
    assert_eq!((&last[0]["content"], &last[2]["content"]), (&said[0]["content"], &said[1]["content"]));
}

#[test]
fn a_stream_of_si_names_each_as_it_comes() {
    let (mut writer, mut out) = (crate::si::Frames::default(), Vec::new());
    told().iter().for_each(|event| writer.event(event, &mut out));
    let said = String::from_utf8(out).unwrap();
    let named: Vec<Value> = said
        .split_terminator("\n\n")
        .filter_map(|frame| frame.strip_prefix("event: citation\ndata: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert_eq!(named.len(), 5);
    let page = json!({"passage": [9, 19], "url": PAGE, "title": "A page", "quote": "It is so."});
    assert_eq!(named[0], page);
    assert_eq!(named[3], json!({"passage": [0, 5], "title": "A page", "quote": "It is so."}));
    assert!(named[4].get("passage").is_none());
}

#[test]
fn gemini_counts_bytes_of_the_part() {
    let mut events = told();
    events.insert(0, thought("Überlegung"));
    let label = || gemini::Label { id: "r-1".into(), model: "m".into() };
    let support = |part: u32, start: u32, end: u32, said: Option<&str>, on: Vec<u32>| {
        let mut segment = json!({"partIndex": part, "startIndex": start, "endIndex": end});
        if let Some(said) = said {
            segment["text"] = said.into();
        }
        json!({"segment": segment, "groundingChunkIndices": on})
    };
    let page = |url: &str| json!({"web": {"uri": url, "title": "A page"}});
    let chunks = json!([page(PAGE), page(OTHER), {"retrievedContext": {"title": "A page", "text": "It is so."}}, page("https://example.net/unsaid")]);
    let whole = parsed(gemini::whole(&events, label(), true));
    let grounding = &whole["candidates"][0]["groundingMetadata"];
    assert_eq!(grounding["groundingChunks"], chunks);
    let should = [
        support(1, 14, 24, Some("so ist es."), vec![0, 1]),
        support(1, 29, 34, Some("3 €"), vec![0]),
        support(1, 0, 7, Some("Größe"), vec![2]),
    ];
    assert_eq!(grounding["groundingSupports"], json!(should));

    let (mut writer, mut out) = (gemini::Frames::new(label(), gemini::Form::Sse, true, false), Vec::new());
    events.iter().for_each(|event| writer.event(event, &mut out));
    writer.end(None, &mut out);
    let frames = data(out);
    let grounding = |frame: &Value| frame["candidates"][0]["groundingMetadata"].clone();
    let (last, before) = frames.split_last().unwrap();
    assert!(before.iter().all(|frame| grounding(frame).is_null()));
    assert_eq!(grounding(last)["groundingChunks"], chunks);
    let should = [
        support(0, 14, 24, None, vec![0, 1]),
        support(0, 29, 34, None, vec![0]),
        support(0, 0, 7, None, vec![2]),
    ];
    assert_eq!(grounding(last)["groundingSupports"], json!(should));
}

/// Each block: its text, and the pages that it rests on.
fn blocks(message: &Value) -> Vec<(String, Vec<String>)> {
    let url = |cited: &Value| {
        assert_eq!(
            (&cited["type"], &cited["encrypted_index"]),
            (&json!("web_search_result_location"), &json!("weir:"))
        );
        assert_eq!((&cited["cited_text"], &cited["title"]), (&json!("It is so."), &json!("A page")));
        cited["url"].as_str().unwrap().to_owned()
    };
    let block = |block: &Value| {
        let on = block["citations"].as_array().map(|all| all.iter().map(url).collect());
        (block["text"].as_str().unwrap_or_default().to_owned(), on.unwrap_or_default())
    };
    message["content"].as_array().unwrap().iter().map(block).collect()
}

#[test]
fn messages_are_cut_at_their_passages() {
    let (page, other, unsaid) = (PAGE.to_owned(), OTHER.to_owned(), "https://example.net/unsaid".to_owned());
    let should = [
        (SAID[0].to_owned(), vec![]),
        (SAID[1].to_owned(), vec![page.clone(), other.clone()]),
        (" Und ".to_owned(), vec![]),
        ("3 €".to_owned(), vec![page.clone()]),
        (" kostet es.".to_owned(), vec![unsaid]),
    ];
    assert_eq!(blocks(&parsed(anthropic::whole(&told(), &label()))), should);

    for (said, passages, should) in [
        // Those that overlap are one.
        ("abcdef", vec![(1, 3, PAGE), (2, 5, OTHER)], vec![("a", 0), ("bcde", 2), ("f", 0)]),
        // White space is no block.
        ("ab. cd.  ", vec![(0, 3, PAGE), (4, 7, OTHER)], vec![("ab.", 1), (" cd.  ", 1)]),
        (" ab", vec![(1, 3, PAGE)], vec![(" ab", 1)]),
        // Beyond the text there is nothing.
        ("ab", vec![(1, 99, PAGE), (50, 60, OTHER)], vec![("a", 0), ("b", 1)]),
    ] {
        let mut events = vec![text(said)];
        events.extend(passages.into_iter().map(|(from, to, url)| cited(Some(from..to), Some(url))));
        let told = blocks(&parsed(anthropic::whole(&ended(events, Finish::Stop), &label())));
        let told: Vec<(&str, usize)> = told.iter().map(|(text, on)| (text.as_str(), on.len())).collect();
        assert_eq!(told, should, "{said}");
    }
}

#[test]
fn texts_of_a_message_between_calls_have_their_own_pages() {
    let events = [
        text("ä1. "),
        seal("s"),
        call(0, "f"),
        args(0, "{}"),
        text("zwei."),
        cited(Some(0..3), Some(PAGE)),
        cited(Some(4..9), Some(OTHER)),
        cited(None, Some(PAGE)),
    ];
    let told = blocks(&parsed(anthropic::whole(&ended(events.to_vec(), Finish::Stop), &label())));
    let texts: Vec<(&str, usize)> = told
        .iter()
        .filter(|(text, _)| !text.is_empty())
        .map(|(text, on)| (text.as_str(), on.len()))
        .collect();
    assert_eq!(texts, [("ä1. ", 1), ("zwei.", 2)]);
}

#[test]
fn a_stream_of_messages_says_it_of_the_block_that_is_open() {
    let events = [
        text("It is so"),
        text("."),
        cited(Some(0..9), Some(PAGE)),
        cited(Some(0..9), None),
        cited(Some(3..5), Some(OTHER)),
        text(" And more."),
        call(0, "f"),
        args(0, "{}"),
        cited(None, Some(PAGE)),
    ];
    let (mut writer, mut out) = (anthropic::Frames::new(label(), 9), Vec::new());
    ended(events.to_vec(), Finish::ToolCalls).iter().for_each(|event| writer.event(event, &mut out));
    let (mut told, mut open) = (vec![], None);
    for frame in named_frames(out) {
        let at = frame["index"].as_u64();
        match frame["type"].as_str().unwrap() {
            "content_block_start" => {
                open = at;
                told.push((String::new(), 0));
            }
            "content_block_delta" => {
                assert_eq!(at, open);
                let (text, pages) = told.last_mut().unwrap();
                text.push_str(frame["delta"]["text"].as_str().unwrap_or_default());
                *pages += usize::from(frame["delta"]["type"] == "citations_delta");
            }
            _ => {}
        }
    }
    assert_eq!(told, [("It is so.".to_owned(), 2), (" And more.".to_owned(), 0), (String::new(), 0)]);
}
