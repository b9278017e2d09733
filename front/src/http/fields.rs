//! The head of an answer.

use super::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// What fits an answer with all of ours: the text is made once and never grows.
const ROOM: usize = 1_024;

/// An answer: as [`http::Response`], with a head that is not taken apart again.
pub struct Response<B = Body> {
    pub status: StatusCode,
    pub fields: Fields,
    pub body: B,
}

impl<B> Response<B> {
    /// 200, with nothing in its head yet.
    pub fn new(body: B) -> Self {
        Self { status: StatusCode::OK, fields: Fields(String::with_capacity(ROOM)), body }
    }
}

impl<B> From<Response<B>> for http::Response<B> {
    fn from(from: Response<B>) -> Self {
        let mut response = Self::new(from.body);
        *response.status_mut() = from.status;
        *response.headers_mut() = from.fields.to_map();
        response
    }
}

/// Header fields as HTTP/1.1 sends them: lines of name and value behind one another, each with its end. Names are in lower
/// case, values are printable ASCII. A map would be taken apart into such lines again, after an allocation, a check and a hash
/// for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(String);

impl Fields {
    /// All of them, each with its line end.
    pub fn lines(&self) -> &str {
        &self.0
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.split_terminator("\r\n").filter_map(|line| line.split_once(": "))
    }

    /// As a map, for what wants one.
    pub fn to_map(&self) -> HeaderMap {
        let field = |(name, value): (&str, &str)| {
            Some((HeaderName::try_from(name).ok()?, HeaderValue::from_str(value).ok()?))
        };
        let mut map = HeaderMap::with_capacity(24);
        for (name, value) in self.iter().filter_map(field) {
            map.append(name, value);
        }
        map
    }

    /// Puts a field behind the others. What is not printable ASCII in the text is replaced: clients read other bytes as
    /// Latin-1 or refuse the whole answer.
    pub fn text(&mut self, name: &str, text: &str) {
        self.with(name, |out| {
            // Every byte is looked at, which goes many at a time; stopping at the first goes one by one.
            if text.bytes().fold(true, |plain, b| plain & (b' '..=b'~').contains(&b)) {
                out.push_str(text);
            } else {
                out.extend(text.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' }));
            }
        });
    }

    pub(super) fn number(&mut self, name: &str, number: impl itoa::Integer) {
        self.with(name, |out| out.push_str(itoa::Buffer::new().format(number)));
    }

    /// A field whose value is written by `write`: printable ASCII and nothing else.
    pub(super) fn with(&mut self, name: &str, write: impl FnOnce(&mut String)) {
        self.0.push_str(name);
        self.0.push_str(": ");
        write(&mut self.0);
        self.0.push_str("\r\n");
    }

    /// Fields that are always the same, as whole lines.
    pub(super) fn always(&mut self, lines: &'static str) {
        self.0.push_str(lines);
    }
}

/// Of a map: what a value holds besides printable ASCII is replaced.
impl From<&HeaderMap> for Fields {
    fn from(map: &HeaderMap) -> Self {
        let mut fields = Self::default();
        for (name, value) in map {
            fields.text(name.as_str(), &String::from_utf8_lossy(value.as_bytes()));
        }
        fields
    }
}
