//! A form with pictures in it, as OpenAI's SDKs send one to `images/edits`, in the JSON that means the same.
//!
//! A form cannot be told to another provider as it came, and comes with another boundary each time it is sent; as JSON it is one
//! request among others, whoever asks for its digest.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use multer::{Field, Multipart};
use relay::BadInput;
use serde_json::{Map, Value, json};
use std::convert::Infallible;

/// What a form says of itself.
const FORM: &[u8] = b"multipart/form-data";
/// More than there are fields and pictures.
const PARTS_MAX: usize = 64;

/// Whether a body of this kind is a form.
pub fn is_form(kind: &[u8]) -> bool {
    kind.get(..FORM.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(FORM))
}

/// The request of a form. What is wrong with its fields says whoever reads it: here only what is wrong with the form.
///
/// # Errors
/// It is no form, or was cut, or a field that may come once came twice.
pub async fn edit(kind: &[u8], body: Bytes) -> Result<Bytes, BadInput> {
    let kind = std::str::from_utf8(kind).map_err(|e| unreadable(&e))?;
    let boundary = multer::parse_boundary(kind).map_err(|e| unreadable(&e))?;
    let whole = futures::stream::once(async move { Ok::<_, Infallible>(body) });
    let mut form = Multipart::new(whole, boundary);
    let (mut request, mut pictures) = (Map::new(), Vec::new());
    let mut parts = 0;
    while let Some(field) = form.next_field().await.map_err(|e| unreadable(&e))? {
        parts += 1;
        if parts > PARTS_MAX {
            return Err(BadInput::new(format!("the form has more than {PARTS_MAX} parts")));
        }
        let name = field.name().unwrap_or_default().to_owned();
        let value = match name.as_str() {
            "image" | "image[]" => {
                pictures.push(picture(field).await?);
                continue;
            }
            "mask" => picture(field).await?,
            _ => plain(&name, &content(field).await?)?,
        };
        if request.insert(name.clone(), value).is_some() {
            return Err(BadInput::at(name, "comes twice in the form"));
        }
    }
    if !pictures.is_empty() {
        request.insert("images".into(), pictures.into());
    }
    let json = serde_json::to_vec(&request).map_err(|e| BadInput::new(e.to_string()))?;
    Ok(json.into())
}

fn unreadable(why: &dyn std::fmt::Display) -> BadInput {
    BadInput::new(format!("the form cannot be read: {why}"))
}

async fn content(field: Field<'_>) -> Result<Bytes, BadInput> {
    field.bytes().await.map_err(|e| unreadable(&e))
}

/// A picture in the request itself.
async fn picture(field: Field<'_>) -> Result<Value, BadInput> {
    let said = field.content_type().map(|kind| kind.essence_str().to_owned());
    let bytes = content(field).await?;
    let kind = said.filter(|kind| kind.starts_with("image/"));
    let kind = kind.as_deref().unwrap_or_else(|| looks_like(&bytes));
    Ok(json!({ "image_url": format!("data:{kind};base64,{}", STANDARD.encode(&bytes)) }))
}

/// By what files of a kind begin with: SDKs say nothing of bytes without a name.
fn looks_like(bytes: &[u8]) -> &'static str {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        _ => "application/octet-stream",
    }
}

/// Everything in a form is text; in JSON some of it is not.
fn plain(name: &str, content: &Bytes) -> Result<Value, BadInput> {
    let text = std::str::from_utf8(content).map_err(|e| BadInput::at(name, format!("is no UTF-8: {e}")))?;
    let typed = match name {
        "n" | "output_compression" | "partial_images" => text.trim().parse().ok().map(|n: i64| n.into()),
        "stream" => text.trim().parse().ok().map(Value::Bool),
        _ => None,
    };
    Ok(typed.unwrap_or_else(|| text.into()))
}

#[cfg(test)]
mod tests;
