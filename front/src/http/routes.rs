//! Which path is what. One table: the router, `Allow`, and the OpenAPI document are held against it.

use crate::refusal::Protocol;
use http::Method;

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Chat,
    Ask,
    Models,
    Model,
    Binding,
    Test,
    Explain,
    Providers,
    Credits,
    Usage,
    UsageOne,
    Verify,
    Ping,
    Health,
    Ready,
    Metrics,
    OpenApi,
    Home,
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
    /// As documented. A last segment in braces takes the rest of the path, slashes too.
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
const GET_POST: &[Method] = &[Method::GET, Method::POST];

const fn route(template: &'static str, methods: &'static [Method], place: Place, gate: Gate) -> Route {
    Route { template, methods, place, gate, protocol: Protocol::Si }
}

const fn openai(template: &'static str, methods: &'static [Method], place: Place) -> Route {
    Route { template, methods, place, gate: Gate::Caller, protocol: Protocol::OpenAi }
}

/// All of them, the busiest first.
pub const ROUTES: [Route; 18] = [
    openai("/v1/chat/completions", POST, Place::Chat),
    route("/api/si/ask", POST, Place::Ask, Gate::Caller),
    openai("/v1/models", GET, Place::Models),
    openai("/v1/models/{id}", GET, Place::Model),
    route("/api/ai/binding", GET, Place::Binding, Gate::Caller),
    route("/api/ai/test", POST, Place::Test, Gate::Caller),
    route("/api/route/explain", POST, Place::Explain, Gate::Caller),
    route("/api/providers", GET, Place::Providers, Gate::Caller),
    route("/api/credits", GET, Place::Credits, Gate::Caller),
    route("/api/billing/usage", GET_POST, Place::Usage, Gate::Caller),
    route("/api/billing/usage/{request_id}", GET, Place::UsageOne, Gate::Caller),
    route("/api/billing/verify", GET, Place::Verify, Gate::Caller),
    route("/api/admin/ping", GET, Place::Ping, Gate::Admin),
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
    if !template.ends_with('}') {
        return (template == path).then_some("");
    }
    let (fixed, _) = template.split_once('{')?;
    path.strip_prefix(fixed).filter(|rest| !rest.is_empty())
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
            ("/api/si/ask", Place::Ask, ""),
            ("/si/ask", Place::Ask, ""),
            ("/v1/models", Place::Models, ""),
            ("/v1/models/groq/openai/gpt-oss-120b", Place::Model, "groq/openai/gpt-oss-120b"),
            ("/billing/usage/req-1", Place::UsageOne, "req-1"),
            ("/api/billing/usage", Place::Usage, ""),
            ("/", Place::Home, ""),
        ] {
            let (route, found) = find(path).unwrap_or_else(|| panic!("{path}"));
            assert_eq!((route.place, found), (place, rest), "{path}");
        }
        for none in
            ["", "/v1", "/v1/models/", "/api", "/api/", "/api/si/ask/", "/si/ask2", "//", "/apihealth"]
        {
            assert!(find(none).is_none(), "{none}");
        }
    }
}
