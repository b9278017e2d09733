// A small API gateway in front of weir. It owns the public route, decides which pages may call and who is calling, and
// hands everything else to weir over a service binding, as a stream.

import { Hono } from "hono";
import type { Context } from "hono";
import { cors } from "hono/cors";
import { cached, freshFor } from "./cache";
import type { Env } from "./env";
import { identify } from "./identity";
import { refuse, requestId } from "./refuse";
import { forward } from "./weir";

/** What a page may send. Identity is not among it: that is found out here. */
const ALLOWED_HEADERS = [
  "anthropic-beta",
  "anthropic-version",
  "authorization",
  "content-type",
  "x-api-key",
  "x-goog-api-client",
  "x-goog-api-key",
  "x-request-id",
  "idempotency-key",
  "x-weir-policy",
  "x-weir-max-cost-usd",
  "x-weir-max-latency-ms",
  "x-weir-min-quality",
  "x-weir-providers",
  "x-weir-session",
  "x-weir-tags",
  "x-weir-seed",
  "x-weir-trailer",
];

/** What a page may read: who answered, what it cost, what limits are left. */
const EXPOSED_HEADERS = [
  "x-request-id",
  "x-provider",
  "x-model",
  "x-tokens-in",
  "x-tokens-out",
  "x-credits-used",
  "x-credits-balance",
  "x-cost-usd",
  "x-cost-max-usd",
  "x-route-reason",
  "x-route-decision",
  "x-route-attempts",
  "x-advisor-model",
  "x-advisor-savings-usd",
  "x-advisor-savings-pct",
  "x-advisor-quality-delta",
  "x-advisor-latency-delta-ms",
  "x-advisor-confidence",
  "x-advisor-reason",
  "x-limit-limit",
  "x-limit-remaining",
  "x-limit-reset",
  "x-ratelimit-limit-requests",
  "x-ratelimit-remaining-requests",
  "x-ratelimit-reset-requests",
  "x-ratelimit-limit-tokens",
  "x-ratelimit-remaining-tokens",
  "x-ratelimit-reset-tokens",
  "x-should-retry",
  "retry-after",
  "server-timing",
];

type App = { Bindings: Env };

function origins(env: Env): string[] {
  return (env.ALLOWED_ORIGINS ?? "").split(",").map((o) => o.trim()).filter((o) => o !== "" && o !== "*");
}

const app = new Hono<App>();

/** On every answer, whoever made it. */
const COMMON = {
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

app.use("*", async (c, next) => {
  const begun = Date.now();
  await next();
  // What a WebSocket answers with cannot be changed.
  if (c.res.status === 101) return;
  const { headers } = c.res;
  for (const [name, value] of Object.entries(COMMON)) {
    if (!headers.has(name)) headers.set(name, value);
  }
  if (!headers.has("x-request-id")) headers.set("x-request-id", requestId(c.req.raw.headers));
  if (c.req.method !== "OPTIONS") headers.append("server-timing", `gateway;dur=${Date.now() - begun}`);
});

app.use(
  "*",
  cors({
    // An exact name from the list, or nothing: never `*`, never an echo of whoever asks.
    origin: (origin, c: Context<App>) => (origins(c.env).includes(origin) ? origin : null),
    credentials: true,
    allowMethods: ["GET", "HEAD", "POST", "PATCH", "OPTIONS"],
    allowHeaders: ALLOWED_HEADERS,
    exposeHeaders: EXPOSED_HEADERS,
    maxAge: 600,
  }),
);

app.get("/health", (c) => c.json({ status: "ok" }));

// The operator's paths are for the operator's own network, not for this route.
app.all("/api/admin/*", notFound);

async function guarded(c: Context<App>): Promise<Response> {
  const request = c.req.raw;
  const path = new URL(request.url).pathname;
  const id = requestId(request.headers);
  const found = await identify(request.headers, c.env);
  if ("missing" in found) {
    return refuse(path, id, 401, "missing_api_key", "No API key. Send one as `Authorization: Bearer …` or `x-api-key`.");
  }
  if ("unknown" in found) {
    return refuse(path, id, 401, "invalid_api_key", "The API key is not known. Check that it is complete and was not revoked.");
  }
  // A browser sends a session's cookie along with whatever page asks it to; a key only who has it.
  const origin = request.headers.get("origin");
  if (found.by === "session" && origin !== null && !origins(c.env).includes(origin)) {
    return refuse(path, id, 403, "origin_not_allowed", "Pages of this origin may not use a session here.");
  }
  const load = () => forward(request, c.env, found.who, id);
  const fresh = freshFor(request.method, path);
  if (fresh === undefined || !c.env.GLOBAL_CACHE) return load();
  const later = (work: Promise<unknown>) => c.executionCtx.waitUntil(work);
  return cached(c.env.GLOBAL_CACHE, request, fresh, id, later, load, Date.now());
}

function notFound(c: Context<App>): Response {
  const path = new URL(c.req.url).pathname;
  return refuse(path, requestId(c.req.raw.headers), 404, "not_found", "There is nothing at this path.");
}

app.all("/api/*", guarded);
app.all("/v1/*", guarded);
app.all("/v1beta/*", guarded);
app.get("/openapi.json", guarded);
app.notFound(notFound);
app.onError((error, c) => {
  const id = requestId(c.req.raw.headers);
  console.error("the gateway failed", { id, error: error.name });
  const path = new URL(c.req.url).pathname;
  return refuse(path, id, 503, "gateway_error", "The gateway could not handle the request. Try again in a second.", {
    "retry-after": "1",
  });
});

export default app;
