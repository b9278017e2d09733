//! Sound that is to be read.

/// How a client wants to have what was said: OpenAI's `response_format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Script {
    #[default]
    Json,
    Text,
    Srt,
    Vtt,
    /// With segments or words and their times.
    Verbose,
    /// With who said it.
    Diarized,
}

impl Script {
    pub const ALL: [Self; 6] = [Self::Json, Self::Text, Self::Srt, Self::Vtt, Self::Verbose, Self::Diarized];

    /// As clients write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Text => "text",
            Self::Srt => "srt",
            Self::Vtt => "vtt",
            Self::Verbose => "verbose_json",
            Self::Diarized => "diarized_json",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|script| script.name() == name)
    }

    /// It tells when things were said.
    pub const fn is_timed(self) -> bool {
        matches!(self, Self::Srt | Self::Vtt | Self::Verbose | Self::Diarized)
    }
}

/// What a client wants to know of a file of sound, in no provider's words. The file itself is elsewhere: it may be large and on
/// its way still.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listen {
    /// In English, whatever was spoken.
    pub translate: bool,
    /// The file's name as the client wrote it; some tell the format by its end. Never empty.
    pub file: String,
    /// `audio/mpeg`; `application/octet-stream` where it was not said.
    pub mime: String,
    /// ISO 639-1, like `en`; None leaves it to be found out.
    pub language: Option<String>,
    /// What was said before, or how it is to be written.
    pub prompt: Option<String>,
    /// As the client wrote it: a number from 0 to 1.
    pub temperature: Option<String>,
    pub script: Script,
    /// Times of every word.
    pub words: bool,
    /// Times of segments. Without either they are given where the script has times.
    pub segments: bool,
    /// Fields that have no counterpart above, by the client's names, in order.
    pub extra: Vec<(String, String)>,
}

/// What was said, in no provider's words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript {
    pub text: String,
    /// As the provider calls it: `english`, `en`.
    pub language: Option<String>,
    /// Seconds.
    pub duration: Option<f64>,
    /// In order.
    pub segments: Vec<Said>,
    pub words: Vec<Said>,
}

/// A part of it, and when it was said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    pub text: String,
    /// Seconds from the beginning of the file.
    pub start: f64,
    pub end: f64,
}

/// How long a file of sound is, as far as that is known before it is heard, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Length {
    pub likely: u64,
    pub most: u64,
}
