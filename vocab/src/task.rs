//! Work that is no conversation: texts to be turned into vectors, pictures to be made. It is asked for in one piece and
//! answered in one.

use crate::{Brief, Kind, Span};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What is asked for, in no provider's words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    Embed(Embed),
    Draw(Draw),
}

/// Texts, each of which is to become a vector.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Embed {
    pub texts: Vec<String>,
    /// How long the vectors are to be; None is the model's own length.
    pub dimensions: Option<u32>,
    /// What they are for, in Gemini's words (`RETRIEVAL_QUERY`): it changes the vectors.
    pub purpose: Option<String>,
    /// Fields that have no counterpart above.
    pub extra: Map<String, Value>,
}

/// Pictures to be made of a description.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Draw {
    pub prompt: String,
    /// How many, at least 1.
    pub n: u32,
    pub canvas: Canvas,
    /// All other fields of OpenAI's image generations that are not null, as they came, size and quality included.
    pub fields: Map<String, Value>,
}

/// What the price of a picture depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Canvas {
    /// Pixels, across and down; None leaves them to the model.
    pub size: Option<(u16, u16)>,
    /// None leaves it to the model.
    pub grade: Option<Grade>,
}

/// How much is spent on a picture: OpenAI's `quality`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    Low,
    /// `standard` means this too.
    Medium,
    /// `hd` means this too.
    High,
    Xhigh,
    Max,
}

/// The shape in which a client asks and is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// OpenAI's `embeddings`: vectors as numbers, or as the bytes of numbers.
    List { base64: bool },
    /// Gemini's `embedContent`: one vector.
    One,
    /// Gemini's `batchEmbedContents`.
    Batch,
    /// OpenAI's `images/generations`.
    Pictures,
    /// OpenAI's `images/edits`, as JSON.
    Edits,
}

impl Form {
    pub const fn kind(self) -> Kind {
        match self {
            Self::List { .. } | Self::One | Self::Batch => Kind::Embedding,
            Self::Pictures | Self::Edits => Kind::Image,
        }
    }
}

/// A task in its client's own words, looked through once but not taken apart. It is valid JSON with the fields of the right
/// types and none of them twice. Its brief's `n` is how many vectors or pictures are wanted.
#[derive(Clone, Debug)]
pub struct RawTask {
    pub body: Bytes,
    pub form: Form,
    /// Where the model is named, in order: Gemini's batches name it in each of their requests.
    pub models: Vec<Span>,
    /// Just after the opening brace: where a field can be put in.
    pub start: usize,
    pub brief: Brief,
}

/// What came of a task, in no provider's words.
#[derive(Clone, Debug, PartialEq)]
pub enum Made {
    /// In the order of the texts.
    Vectors(Vec<Vec<f32>>),
    Pictures(Vec<Picture>),
}

/// A picture by its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// `image/png`.
    pub mime: String,
    /// Base64.
    pub data: String,
}
