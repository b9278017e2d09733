//! `usageMetadata` in disjoint buckets.
//!
//! The figures overlap in their own way: the prompt includes what was cached and splits again by modality, thoughts
//! are outside the candidates, tool-use prompts are outside the prompt. Video and documents are billed as text.

use super::generation;
use crate::foreign::count;
use serde_json::Value;
use vocab::{Bucket, Modifiers, Usage};

/// A usage as one of Gemini's endpoints reports it: `gemini.generateContent` and `gemini.embedContent` (the
/// `usageMetadata` object, or a reply that holds it), `gemini.streamGenerateContent` (`frames`, in order of
/// arrival). None for another format, or where there is no usage.
pub fn read(format: &str, usage: &Value) -> Option<Usage> {
    match format {
        "gemini.generateContent" | "gemini.embedContent" => {
            if usage["usageMetadata"].is_object() {
                reply(usage, &Usage::default())
            } else {
                usage.is_object().then(|| metadata(usage, 0))
            }
        }
        "gemini.streamGenerateContent" => {
            let frames = usage["frames"].as_array()?;
            frames.iter().fold(None, |last, frame| reply(frame, &last.unwrap_or_default()).or(last))
        }
        _ => None,
    }
}

/// The usage of one reply, which is one frame of a stream or the whole of it, after `before` was reported. The
/// figures are cumulative, so they replace; searches are counted where they are seen, and stay.
pub(super) fn reply(reply: &Value, before: &Usage) -> Option<Usage> {
    let searches = searches(reply).max(before.get(Bucket::Searches));
    let usage = &reply["usageMetadata"];
    if usage.is_object() {
        Some(metadata(usage, searches))
    } else {
        (searches > before.get(Bucket::Searches)).then(|| before.with(Bucket::Searches, searches))
    }
}

fn metadata(usage: &Value, searches: u64) -> Usage {
    let mut anomaly = false;
    let mut figure = |name: &str| count(&usage[name], &mut anomaly).unwrap_or(0);
    let prompt = figure("promptTokenCount");
    let cached = figure("cachedContentTokenCount");
    let thoughts = figure("thoughtsTokenCount");
    let candidates = figure("candidatesTokenCount");
    // "not billed under search grounding": the search has its own price.
    let by_tools = if searches == 0 { figure("toolUsePromptTokenCount") } else { 0 };

    let mut of = |details: &str, modality: &str| modality_count(&usage[details], modality, &mut anomaly);
    let fresh = |all: u64, cached: u64| all.saturating_sub(cached);
    let audio = fresh(of("promptTokensDetails", "AUDIO"), of("cacheTokensDetails", "AUDIO"));
    let image = fresh(of("promptTokensDetails", "IMAGE"), of("cacheTokensDetails", "IMAGE"));
    let (tool_audio, tool_image) = match by_tools {
        0 => (0, 0),
        _ => (of("toolUsePromptTokensDetails", "AUDIO"), of("toolUsePromptTokensDetails", "IMAGE")),
    };
    let made_audio = of("candidatesTokensDetails", "AUDIO");
    let made_image = of("candidatesTokensDetails", "IMAGE");

    // Parts are taken out of their whole one after the other, so that no split can add up to more than it.
    let mut take = |whole: &mut u64, part: u64| {
        let taken = part.min(*whole);
        anomaly |= taken < part;
        *whole -= taken;
        taken
    };
    let mut input = prompt;
    let cached = take(&mut input, cached);
    // Where it is not said which part of a mixed prompt was cached, the remainder may be less than all of its audio:
    // that is no anomaly, only unknown.
    let split = usage["cacheTokensDetails"].is_array() || cached == 0;
    let (audio, image) =
        if split { (audio, image) } else { (audio.min(input), image.min(input - audio.min(input))) };
    let audio = take(&mut input, audio);
    let image = take(&mut input, image);
    let mut tools = by_tools;
    let audio = audio + take(&mut tools, tool_audio);
    let image = image + take(&mut tools, tool_image);
    let mut output = candidates;
    let made_audio = take(&mut output, made_audio);
    let made_image = take(&mut output, made_image);

    let modifiers = modifiers(usage);
    let mut usage = Usage::default()
        .with(Bucket::Input, input.saturating_add(tools))
        .with(Bucket::CacheRead, cached)
        .with(Bucket::InputAudio, audio)
        .with(Bucket::InputImage, image)
        .with(Bucket::Output, output)
        .with(Bucket::Reasoning, thoughts)
        .with(Bucket::OutputAudio, made_audio)
        .with(Bucket::OutputImage, made_image)
        .with(Bucket::Searches, searches);
    usage.anomaly = anomaly;
    usage.modifiers = modifiers;
    usage
}

fn modality_count(details: &Value, modality: &str, anomaly: &mut bool) -> u64 {
    let details = details.as_array().map_or(&[][..], Vec::as_slice);
    details
        .iter()
        .filter(|detail| detail["modality"] == modality)
        .filter_map(|detail| count(&detail["tokenCount"], anomaly))
        .fold(0, u64::saturating_add)
}

/// The tier that served, as the reply states it; the older field names the kind of traffic instead.
fn modifiers(usage: &Value) -> Modifiers {
    match (usage["serviceTier"].as_str(), usage["trafficType"].as_str()) {
        (Some("flex"), _) | (None, Some("ON_DEMAND_FLEX")) => Modifiers::FLEX,
        (Some("priority"), _) | (None, Some("ON_DEMAND_PRIORITY")) => Modifiers::PRIORITY,
        _ => Modifiers::empty(),
    }
}

/// "$14 per 1,000 queries on Gemini 3+, $35 per 1,000 grounded prompts on 2.5": queries there, prompts here.
fn searches(reply: &Value) -> u64 {
    let candidates = reply["candidates"].as_array().map_or(&[][..], Vec::as_slice);
    let queries = candidates
        .iter()
        .filter_map(|candidate| candidate["groundingMetadata"]["webSearchQueries"].as_array())
        .map(|queries| queries.len() as u64)
        .fold(0, u64::saturating_add);
    let by_query = reply["modelVersion"].as_str().and_then(generation).is_none_or(|g| g >= 3);
    if by_query { queries } else { queries.min(1) }
}
