//! Which path is what. One table: the router, `Allow`, and the OpenAPI document are held against it.

use crate::refusal::Protocol;
use http::Method;
use vocab::Kind;

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Chat,
    Ask,
    /// OpenAI's `responses`.
    Responses,
    /// How many tokens one has.
    ResponsesCount,
    /// One that was answered before: nothing is stored, so there is none.
    ResponsesStored,
    /// Anthropic's `messages`.
    Messages,
    /// How many tokens one has.
    MessagesCount,
    /// Gemini's `generateContent`.
    Generate,
    /// The same as a stream.
    GenerateStream,
    /// Gemini's `countTokens`.
    GenerateCount,
    /// OpenAI's.
    Embeddings,
    /// OpenAI's image generations.
    Images,
    /// OpenAI's image edits.
    Edits,
    /// OpenAI's transcriptions.
    Transcriptions,
    /// The same, in English.
    Translations,
    /// Gemini's `embedContent`.
    Embed,
    /// Gemini's `batchEmbedContents`.
    EmbedBatch,
    /// OpenAI's speech.
    Speech,
    /// Speech in our own words.
    Tts,
    /// ElevenLabs' speech.
    TextToSpeech,
    Voices,
    /// The models as Gemini lists its own.
    GeminiModels,
    GeminiModel,
    Models,
    Model,
    Binding,
    Test,
    Explain,
    /// What a caller says of an answer.
    Feedback,
    Providers,
    Credits,
    /// Credit given or taken back.
    Adjust,
    Usage,
    UsageOne,
    /// The record itself.
    Ledger,
    Verify,
    Ping,
    /// Leftovers thrown away.
    Cleanup,
    /// A conversation over a socket.
    Session,
    /// Managed keys.
    Keys,
    Key,
    KeyRotate,
    /// A guest's token.
    Guest,
    /// What weir's tokens are checked with.
    Jwks,
    GenerateJwt,
    VerifyJwt,
    Health,
    Ready,
    Metrics,
    OpenApi,
    Home,
}

impl Place {
    /// What is made there, where it costs something: such a request can be told again what it was told before.
    pub const fn makes(self) -> Option<Kind> {
        match self {
            Self::Chat
            | Self::Ask
            | Self::Responses
            | Self::Messages
            | Self::Generate
            | Self::GenerateStream => Some(Kind::Chat),
            Self::Embeddings | Self::Embed | Self::EmbedBatch => Some(Kind::Embedding),
            Self::Images | Self::Edits => Some(Kind::Image),
            Self::Speech | Self::Tts | Self::TextToSpeech => Some(Kind::Tts),
            _ => None,
        }
    }
}

/// Who may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Anybody: it tells nothing about anybody.
    Open,
    /// Whoever is known.
    Caller,
    /// The operator.
    Admin,
}

/// One path.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// As documented. Braces take all that stands in their place, slashes and colons too: they are in the last segment,
    /// and what follows them is the path's end.
    pub template: &'static str,
    /// `HEAD` comes with `GET`, `OPTIONS` with all.
    pub methods: &'static [Method],
    pub place: Place,
    pub gate: Gate,
    /// In whose words errors are told.
    pub protocol: Protocol,
}

const GET: &[Method] = &[Method::GET];
const POST: &[Method] = &[Method::POST];
const GET_DELETE: &[Method] = &[Method::GET, Method::DELETE];
const GET_PATCH_DELETE: &[Method] = &[Method::GET, Method::PATCH, Method::DELETE];
const GET_POST: &[Method] = &[Method::GET, Method::POST];

const fn route(template: &'static str, methods: &'static [Method], place: Place, gate: Gate) -> Route {
    Route { template, methods, place, gate, protocol: Protocol::Si }
}

const fn openai(template: &'static str, methods: &'static [Method], place: Place) -> Route {
    Route { template, methods, place, gate: Gate::Caller, protocol: Protocol::OpenAi }
}

const fn anthropic(template: &'static str, place: Place) -> Route {
    Route { template, methods: POST, place, gate: Gate::Caller, protocol: Protocol::Anthropic }
}

const fn elevenlabs(template: &'static str, place: Place) -> Route {
    Route { template, methods: POST, place, gate: Gate::Caller, protocol: Protocol::ElevenLabs }
}

const fn gemini(template: &'static str, methods: &'static [Method], place: Place) -> Route {
    Route { template, methods, place, gate: Gate::Caller, protocol: Protocol::Gemini }
}

/// All of them, the busiest first; of those that fit one path, the one with an end of its own.
pub const ROUTES: [Route; 59] = [
    openai("/v1/chat/completions", POST, Place::Chat),
    openai("/v1/responses", POST, Place::Responses),
    anthropic("/v1/messages", Place::Messages),
    route("/api/si/ask", POST, Place::Ask, Gate::Caller),
    openai("/v1/embeddings", POST, Place::Embeddings),
    openai("/v1/images/generations", POST, Place::Images),
    openai("/v1/images/edits", POST, Place::Edits),
    openai("/v1/audio/speech", POST, Place::Speech),
    route("/api/voice/tts", POST, Place::Tts, Gate::Caller),
    elevenlabs("/v1/text-to-speech/{voice}/stream", Place::TextToSpeech),
    elevenlabs("/v1/text-to-speech/{voice}", Place::TextToSpeech),
    route("/api/voice/voices", GET, Place::Voices, Gate::Caller),
    openai("/v1/audio/transcriptions", POST, Place::Transcriptions),
    openai("/v1/audio/translations", POST, Place::Translations),
    anthropic("/v1/messages/count_tokens", Place::MessagesCount),
    gemini("/v1beta/models/{model}:generateContent", POST, Place::Generate),
    gemini("/v1beta/models/{model}:streamGenerateContent", POST, Place::GenerateStream),
    gemini("/v1beta/models/{model}:countTokens", POST, Place::GenerateCount),
    gemini("/v1beta/models/{model}:embedContent", POST, Place::Embed),
    gemini("/v1beta/models/{model}:batchEmbedContents", POST, Place::EmbedBatch),
    gemini("/v1beta/models", GET, Place::GeminiModels),
    gemini("/v1beta/models/{model}", GET, Place::GeminiModel),
    gemini("/v1/models/{model}:generateContent", POST, Place::Generate),
    gemini("/v1/models/{model}:streamGenerateContent", POST, Place::GenerateStream),
    gemini("/v1/models/{model}:countTokens", POST, Place::GenerateCount),
    gemini("/v1/models/{model}:embedContent", POST, Place::Embed),
    gemini("/v1/models/{model}:batchEmbedContents", POST, Place::EmbedBatch),
    openai("/v1/responses/input_tokens", POST, Place::ResponsesCount),
    openai("/v1/responses/{id}/cancel", POST, Place::ResponsesStored),
    openai("/v1/responses/{id}/input_items", GET, Place::ResponsesStored),
    openai("/v1/responses/{id}", GET_DELETE, Place::ResponsesStored),
    openai("/v1/models", GET, Place::Models),
    openai("/v1/models/{id}", GET, Place::Model),
    route("/api/voice/session", GET, Place::Session, Gate::Caller),
    route("/api/ai/binding", GET, Place::Binding, Gate::Caller),
    route("/api/ai/test", POST, Place::Test, Gate::Caller),
    route("/api/route/explain", POST, Place::Explain, Gate::Caller),
    route("/api/feedback", POST, Place::Feedback, Gate::Caller),
    route("/api/providers", GET, Place::Providers, Gate::Caller),
    route("/api/credits", GET, Place::Credits, Gate::Caller),
    route("/api/credits/adjust", POST, Place::Adjust, Gate::Admin),
    route("/api/billing/usage", GET_POST, Place::Usage, Gate::Caller),
    route("/api/billing/usage/{request_id}", GET, Place::UsageOne, Gate::Caller),
    route("/api/billing/ledger", GET, Place::Ledger, Gate::Caller),
    route("/api/billing/verify", GET, Place::Verify, Gate::Caller),
    route("/api/admin/ping", GET, Place::Ping, Gate::Admin),
    route("/api/admin/cleanup", POST, Place::Cleanup, Gate::Admin),
    route("/api/admin/keys", GET_POST, Place::Keys, Gate::Admin),
    route("/api/admin/keys/{id}/rotate", POST, Place::KeyRotate, Gate::Admin),
    route("/api/admin/keys/{id}", GET_PATCH_DELETE, Place::Key, Gate::Admin),
    route("/auth/guest", POST, Place::Guest, Gate::Open),
    route("/.well-known/jwks.json", GET, Place::Jwks, Gate::Open),
    route("/generate-jwt", POST, Place::GenerateJwt, Gate::Admin),
    route("/verify-jwt", POST, Place::VerifyJwt, Gate::Caller),
    route("/health", GET, Place::Health, Gate::Open),
    route("/ready", GET, Place::Ready, Gate::Open),
    route("/metrics", GET, Place::Metrics, Gate::Caller),
    route("/openapi.json", GET, Place::OpenApi, Gate::Open),
    route("/", GET, Place::Home, Gate::Open),
];

/// The route of a path, and what stands where its braces are.
pub fn find(path: &str) -> Option<(&'static Route, &str)> {
    ROUTES.iter().find_map(|route| {
        let bare = route.template.strip_prefix("/api");
        let rest = matched(route.template, path).or_else(|| matched(bare?, path))?;
        Some((route, rest))
    })
}

fn matched<'p>(template: &str, path: &'p str) -> Option<&'p str> {
    if template == path {
        return Some("");
    }
    let (before, rest) = template.split_once('{')?;
    let (_, after) = rest.split_once('}')?;
    let rest = path.strip_prefix(before)?;
    let within = match after.strip_prefix(':') {
        None => rest.strip_suffix(after),
        // Some encode the whole segment.
        Some(verb) => {
            let rest = rest.strip_suffix(verb)?;
            [":", "%3A", "%3a"].iter().find_map(|colon| rest.strip_suffix(colon))
        }
    };
    within.filter(|within| !within.is_empty())
}

impl Route {
    pub fn takes(&self, method: &Method) -> bool {
        self.methods.contains(method) || (*method == Method::HEAD && self.methods.contains(&Method::GET))
    }

    /// The `Allow` header.
    pub fn allow(&self) -> String {
        let mut names: Vec<&str> = self.methods.iter().map(Method::as_str).collect();
        if self.methods.contains(&Method::GET) {
            names.push("HEAD");
        }
        names.push("OPTIONS");
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_with_and_without_api() {
        for (path, place, rest) in [
            ("/v1/chat/completions", Place::Chat, ""),
            ("/v1/messages", Place::Messages, ""),
            ("/v1/responses", Place::Responses, ""),
            ("/v1/responses/input_tokens", Place::ResponsesCount, ""),
            ("/v1/responses/resp_1", Place::ResponsesStored, "resp_1"),
            ("/v1/responses/resp_1/cancel", Place::ResponsesStored, "resp_1"),
            ("/v1/responses/resp_1/input_items", Place::ResponsesStored, "resp_1"),
            ("/v1/messages/count_tokens", Place::MessagesCount, ""),
            ("/api/si/ask", Place::Ask, ""),
            ("/si/ask", Place::Ask, ""),
            ("/v1/models", Place::Models, ""),
            ("/v1/models/groq/openai/gpt-oss-120b", Place::Model, "groq/openai/gpt-oss-120b"),
            ("/v1beta/models/gemini-3.8-flash:generateContent", Place::Generate, "gemini-3.8-flash"),
            ("/v1beta/models/ollama/qwen:8b:streamGenerateContent", Place::GenerateStream, "ollama/qwen:8b"),
            ("/v1beta/models/auto:cheap:countTokens", Place::GenerateCount, "auto:cheap"),
            ("/v1beta/models/gemini-embedding-001:embedContent", Place::Embed, "gemini-embedding-001"),
            ("/v1/models/ollama/bge:batchEmbedContents", Place::EmbedBatch, "ollama/bge"),
            ("/v1/embeddings", Place::Embeddings, ""),
            ("/v1/images/generations", Place::Images, ""),
            ("/v1/audio/speech", Place::Speech, ""),
            ("/voice/tts", Place::Tts, ""),
            ("/v1/text-to-speech/calm", Place::TextToSpeech, "calm"),
            ("/v1/text-to-speech/calm/stream", Place::TextToSpeech, "calm"),
            ("/api/voice/voices", Place::Voices, ""),
            ("/v1beta/models/auto%3Acheap%3AgenerateContent", Place::Generate, "auto%3Acheap"),
            ("/v1/models/groq%2Fopenai%2Fx%3agenerateContent", Place::Generate, "groq%2Fopenai%2Fx"),
            ("/v1/models/generateContent", Place::Model, "generateContent"),
            ("/v1beta/models/groq/x", Place::GeminiModel, "groq/x"),
            ("/billing/usage/req-1", Place::UsageOne, "req-1"),
            ("/api/billing/usage", Place::Usage, ""),
            ("/admin/keys", Place::Keys, ""),
            ("/api/admin/keys/key_1", Place::Key, "key_1"),
            ("/api/admin/keys/key_1/rotate", Place::KeyRotate, "key_1"),
            ("/.well-known/jwks.json", Place::Jwks, ""),
            ("/", Place::Home, ""),
        ] {
            let (route, found) = find(path).unwrap_or_else(|| panic!("{path}"));
            assert_eq!((route.place, found), (place, rest), "{path}");
        }
        for none in ["/v1beta/models/", "/v1beta/tunedModels/x:generateContent", "/v1beta"] {
            assert!(find(none).is_none(), "{none}");
        }
        for none in
            ["", "/v1", "/v1/models/", "/api", "/api/", "/api/si/ask/", "/si/ask2", "//", "/apihealth"]
        {
            assert!(find(none).is_none(), "{none}");
        }
    }
}
