//! Pages of an API, one behind the other in a file, or in an array.

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A page with what it is about.
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub struct Page<T> {
    pub data: Vec<T>,
    /// There is another page behind it.
    #[serde(default, rename = "has_more")]
    pub more: bool,
}

/// All pages of a file. Only the last one says whether there are more.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<Vec<Page<T>>, String> {
    let told = |error: serde_json::Error| error.to_string();
    let mut pages: Vec<Page<T>> = Vec::new();
    if text.trim_start().starts_with('[') {
        pages = serde_json::from_str(text).map_err(told)?;
    } else {
        for page in serde_json::Deserializer::from_str(text).into_iter() {
            pages.push(page.map_err(told)?);
        }
    }
    let last = pages.len().saturating_sub(1);
    pages.iter_mut().take(last).for_each(|page| page.more = false);
    Ok(pages)
}
