//! OpenAI's events of a speech stream.

use crate::openai::write::number;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use vocab::{Bucket, Usage};

/// `speech.audio.delta` and `speech.audio.done`.
#[derive(Debug, Default)]
pub struct Deltas {
    text: String,
}

impl Deltas {
    /// Some sound.
    pub fn delta(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.text.clear();
        STANDARD.encode_string(bytes, &mut self.text);
        out.extend_from_slice(br#"data: {"type":"speech.audio.delta","audio":""#);
        out.extend_from_slice(self.text.as_bytes());
        out.extend_from_slice(b"\"}\n\n");
    }

    /// All of it is there.
    pub fn done(usage: &Usage, out: &mut Vec<u8>) {
        let (input, output) = (usage.tokens_in(), usage.tokens_out());
        out.extend_from_slice(br#"data: {"type":"speech.audio.done","usage":{"input_tokens":"#);
        number(out, input);
        out.extend_from_slice(br#","output_tokens":"#);
        number(out, output);
        out.extend_from_slice(br#","total_tokens":"#);
        number(out, input.saturating_add(output));
        // Where it is characters that are paid for.
        for (name, bucket) in [("characters", Bucket::Characters), ("audio_millis", Bucket::AudioMillis)] {
            let count = usage.get(bucket);
            if count > 0 {
                out.extend_from_slice(b",\"");
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"\":");
                number(out, count);
            }
        }
        out.extend_from_slice(b"}}\n\n");
    }
}
