//! Work that is no chat: vectors of texts, pictures, speech. What is asked for and what is made, in no dialect.

use crate::hearing::Script;
use crate::prose::hash;
use crate::scenario::Model;
use crate::sound::Format;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use vocab::Dice;

/// What a request asks for besides a conversation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Task {
    Vectors(Vectors),
    Pictures(Pictures),
    Speech(Speech),
    Script(Script),
}

/// Vectors that are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Vectors {
    /// What each is made of: text, or tokens as text.
    pub of: Vec<String>,
    pub dimensions: Option<usize>,
    /// As the bytes of their numbers.
    pub base64: bool,
    /// Gemini: a single one has another frame.
    pub single: bool,
    /// Varies them: the same text is another vector for another purpose.
    pub purpose: String,
}

/// Pictures that are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pictures {
    pub prompt: String,
    pub n: u32,
    /// Told by an address.
    pub url: bool,
    pub tokens: u64,
}

/// A text that is to be heard.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Speech {
    pub text: String,
    pub format: Format,
    /// Of the usual speed.
    pub percent: u32,
    /// As the client calls this request, where the dialect lets it.
    pub context: Option<String>,
}

/// Tokens of a made picture, where it is paid for by them.
pub(crate) const PICTURE_TOKENS: u64 = 1_056;

/// The vector of a text: of length one, the same whenever it is made. A shorter one is its beginning.
pub(crate) fn vector(model: &Model, text: &str, wanted: &Vectors) -> Vec<f32> {
    let mut dice = Dice::seeded(hash(&[model.name.as_bytes(), text.as_bytes(), wanted.purpose.as_bytes()]));
    let numbers: Vec<f64> = (0..model.dimensions).map(|_| dice.unit() * 2.0 - 1.0).collect();
    let length = numbers.iter().map(|n| n * n).sum::<f64>().sqrt();
    #[expect(clippy::cast_possible_truncation, reason = "vectors are told with so many digits")]
    let whole = numbers.into_iter().map(|n| (n / length) as f32);
    whole.take(wanted.dimensions.unwrap_or(usize::MAX)).collect()
}

/// The same brought to length one again, as OpenAI shortens.
pub(crate) fn normal(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|n| f64::from(*n) * f64::from(*n)).sum::<f64>().sqrt();
    #[expect(clippy::cast_possible_truncation, reason = "vectors are told with so many digits")]
    vector.iter().map(|n| (f64::from(*n) / length) as f32).collect()
}

pub(crate) fn packed(vector: &[f32]) -> String {
    STANDARD.encode(vector.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>())
}

/// Bytes that begin like a picture of this kind, and belong to this prompt.
pub(crate) fn picture(model: &Model, prompt: &str, index: u32, jpeg: bool) -> Vec<u8> {
    let begin: &[u8] = if jpeg { b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" } else { b"\x89PNG\r\n\x1a\n" };
    let made = hash(&[model.name.as_bytes(), prompt.as_bytes(), &index.to_le_bytes()]);
    [begin, &made.to_le_bytes()[..]].concat()
}

pub(crate) fn coded(picture: &[u8]) -> String {
    STANDARD.encode(picture)
}
