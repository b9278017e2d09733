//! Where pictures and documents come from.

use crate::json::{Members, Object, Quoted, Read, Skip, Text, Wrong, filled, length, owned};
use tokens::ANTHROPIC;
use vocab::Caps;

/// What a block takes.
pub(super) struct Kinds {
    /// Media types of data that is in the request.
    media: &'static [&'static str],
    needs: Caps,
    /// Tokens of so much base64.
    tokens: fn(usize) -> u32,
}

pub(super) const IMAGE: Kinds = Kinds {
    media: &["image/jpeg", "image/png", "image/gif", "image/webp"],
    needs: Caps::VISION,
    tokens: |_| ANTHROPIC.image,
};

pub(super) const DOCUMENT: Kinds =
    Kinds { media: &["application/pdf"], needs: Caps::PDF, tokens: |base64| ANTHROPIC.document(base64) };

/// What a source comes to.
#[derive(Default)]
pub(super) struct Found {
    pub needs: Caps,
    pub tokens: u32,
    /// Bytes of text.
    pub text: usize,
    /// Only Anthropic can be told it.
    pub only: bool,
}

/// `source` of a picture or a document.
pub(super) struct Source(pub &'static Kinds);

impl<'de> Read<'de> for Source {
    type Out = Found;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Found, Wrong> {
        let Self(kinds) = self;
        let (mut kind, mut media, mut data, mut url) = (None, None, None, false);
        while let Some(key) = object.key(&["type", "media_type", "data", "url"])? {
            match key {
                "type" => kind = Some(object.value(Text(owned))?),
                "media_type" => media = Some(object.value(Text(owned))?),
                "data" => data = Some(object.value(Text(length))?),
                "url" => url = object.value(Text(address)).map(|()| true)?,
                _ => drop(object.value(Skip)?),
            }
        }
        let kind = kind.ok_or_else(|| Wrong::missing_one_of("type", &["base64", "url"]))?;
        let document = kinds.needs == Caps::PDF;
        match kind.as_str() {
            "base64" => {
                let media = media.ok_or_else(|| Wrong::missing_one_of("media_type", kinds.media))?;
                if !kinds.media.contains(&media.as_str()) {
                    let media = crate::json::shortened(&media);
                    let message = format!("{media:?} is not known; allowed: {}", kinds.media.join(", "));
                    return Err(Wrong::field(message).in_key("media_type"));
                }
                let data = data.ok_or_else(|| Wrong::missing("data"))?;
                if data == 0 {
                    return Err(Wrong::field("the base64 data is empty").in_key("data"));
                }
                Ok(Found { needs: kinds.needs, tokens: (kinds.tokens)(data), ..Found::default() })
            }
            "url" => {
                if !url {
                    return Err(Wrong::missing("url"));
                }
                let needs = if document { kinds.needs } else { kinds.needs | Caps::IMAGE_URL };
                Ok(Found { needs, tokens: (kinds.tokens)(0), ..Found::default() })
            }
            "text" if document => {
                let text = data.ok_or_else(|| Wrong::missing("data"))?;
                Ok(Found { text, ..Found::default() })
            }
            // Files by id, blocks within documents, and what is still to come.
            _ => Ok(Found { tokens: (kinds.tokens)(0), only: true, ..Found::default() }),
        }
    }
}

fn address(url: Quoted<'_>) -> Result<(), Wrong> {
    filled(url)?;
    let url = url.text();
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(());
    }
    Err(Wrong::field("expected an https URL"))
}
