//! Pictures, documents and sound.

use super::{Feature, NOTHING, said};
use serde_json::json;

const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const PDF: &str = "JVBERi0xLjEKenEKJSVFT0YK";
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEA";

pub(super) fn all() -> Vec<Feature> {
    let url = "https://example.com/zq.png";
    vec![
        said(
            "Image, in place",
            [
                json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{PNG}")}}),
                json!({"type": "input_image", "image_url": format!("data:image/png;base64,{PNG}")}),
                json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}),
                json!({"inlineData": {"mimeType": "image/png", "data": PNG}}),
            ],
            &["iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"],
        ),
        said(
            "Image, by URL",
            [
                json!({"type": "image_url", "image_url": {"url": url}}),
                json!({"type": "input_image", "image_url": url}),
                json!({"type": "image", "source": {"type": "url", "url": url}}),
                json!({"fileData": {"mimeType": "image/png", "fileUri": url}}),
            ],
            &["example.com/zq.png"],
        ),
        said(
            "PDF, in place",
            [
                json!({"type": "file", "file": {"filename": "zq.pdf", "file_data": format!("data:application/pdf;base64,{PDF}")}}),
                json!({"type": "input_file", "filename": "zq.pdf", "file_data": format!("data:application/pdf;base64,{PDF}")}),
                json!({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}}),
                json!({"inlineData": {"mimeType": "application/pdf", "data": PDF}}),
            ],
            &["JVBERi0xLjEKenEKJSVFT0YK"],
        ),
        said(
            "Audio, in place",
            [
                json!({"type": "input_audio", "input_audio": {"format": "wav", "data": WAV}}),
                NOTHING,
                NOTHING,
                json!({"inlineData": {"mimeType": "audio/wav", "data": WAV}}),
            ],
            &["UklGRiQAAABXQVZF"],
        ),
        said(
            "A file that the provider keeps",
            [
                json!({"type": "file", "file": {"file_id": "file-zq"}}),
                json!({"type": "input_file", "file_id": "file-zq"}),
                json!({"type": "document", "source": {"type": "file", "file_id": "file-zq"}}),
                json!({"fileData": {"mimeType": "application/pdf", "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/file-zq"}}),
            ],
            &["file-zq"],
        ),
    ]
}
