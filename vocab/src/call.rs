//! A call to a provider, as values.

use crate::Card;
use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use std::fmt;
use std::sync::Arc;

/// A body in pieces, so that patching a field of a large body copies none of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segments(pub Vec<Bytes>);

impl Segments {
    pub fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of it in one piece; copies unless it is one already.
    pub fn concat(&self) -> Bytes {
        match self.0.as_slice() {
            [only] => only.clone(),
            many => many.concat().into(),
        }
    }
}

impl From<Bytes> for Segments {
    fn from(bytes: Bytes) -> Self {
        Self(vec![bytes])
    }
}

impl From<Vec<u8>> for Segments {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

/// What to send to a provider: a POST of JSON, or a GET where the body is empty. Headers hold the credential: never log them.
#[derive(Clone)]
pub struct Call {
    pub uri: Uri,
    /// Shared by all calls through a door.
    pub headers: Arc<HeaderMap>,
    pub body: Segments,
    /// Whether frames are asked for (`text/event-stream`). A provider may still answer whole.
    pub stream: bool,
}

impl Call {
    /// A question without a body.
    pub fn get(uri: Uri, headers: Arc<HeaderMap>) -> Self {
        Self { uri, headers, body: Segments::default(), stream: false }
    }

    pub fn method(&self) -> Method {
        if self.body.is_empty() { Method::GET } else { Method::POST }
    }
}

/// Without the headers: they hold the credential.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("uri", &self.uri.path())
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

/// The way in to one model at one provider with one credential: all that stays the same between calls, made once
/// when the configuration is read.
#[derive(Clone)]
pub struct Door {
    /// Where a whole answer is asked for.
    pub uri: Uri,
    /// Where a stream is asked for; often the same.
    pub uri_stream: Uri,
    /// Credential and content type included.
    pub headers: Arc<HeaderMap>,
    /// The name the provider knows the model by.
    pub model: crate::Name,
    /// The same as a JSON string, to be put into bodies.
    pub model_json: Bytes,
    pub card: Arc<Card>,
}

impl Door {
    pub fn new(uri: Uri, uri_stream: Uri, headers: HeaderMap, model: &str, card: Arc<Card>) -> Self {
        let model_json = serde_json::Value::from(model).to_string().into();
        Self { uri, uri_stream, headers: headers.into(), model: model.into(), model_json, card }
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door")
            .field("uri", &self.uri.path())
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// One server-sent event. `data` is the data lines joined by newlines; comments are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub event: &'a str,
    pub data: &'a str,
}
