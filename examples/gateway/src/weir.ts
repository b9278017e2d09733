// Calls weir over the service binding, and streams both ways.

import { sign } from "./context";
import type { Env, Identity } from "./env";
import { isSane, refuse } from "./refuse";

/** What only this gateway may say, and credentials that are its own business: weir never sees a client's. */
const STRIPPED = [
  "authorization",
  "cookie",
  "x-api-key",
  "x-goog-api-key",
  "x-user-email",
  "x-user-id",
  "x-user",
  "x-tenant",
  "x-tenant-id",
  "x-plan",
  "x-weir-context",
  "x-real-ip",
  "forwarded",
  "cf-access-jwt-assertion",
  "cf-access-authenticated-user-email",
  // Hop by hop (RFC 9110, 7.6.1).
  "connection",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
];
const STRIPPED_PREFIXES = ["x-forwarded-"];
/** Identity that callers put into addresses. */
const STRIPPED_QUERY = ["key", "email", "api_key"];

/** The gateway answers pages itself, and its own cookies are its own. */
const HELD_BACK = ["set-cookie", "vary", "connection", "keep-alive"];

export function outgoingHeaders(inbound: Headers, token: string): Headers {
  const headers = new Headers(inbound);
  for (const name of [...headers.keys()]) {
    if (STRIPPED.includes(name) || STRIPPED_PREFIXES.some((prefix) => name.startsWith(prefix))) headers.delete(name);
  }
  // Origin stays behind too: which pages may call is decided here, and weir need not know any.
  headers.delete("origin");
  // A client's own id goes along, and weir asks its books whether it was there before. One that weir makes itself is new,
  // which saves that; the answer says which it was.
  if (!isSane(headers.get("x-request-id"))) headers.delete("x-request-id");
  headers.set("x-weir-context", token);
  return headers;
}

/** weir's paths are the same without `/api`. */
export function outgoingUrl(inbound: URL): string {
  const url = new URL(inbound.pathname.replace(/^\/api(?=\/)/, "") + inbound.search, "http://internal");
  for (const name of STRIPPED_QUERY) url.searchParams.delete(name);
  return url.href;
}

export async function forward(request: Request, env: Env, who: Identity, id: string): Promise<Response> {
  const url = new URL(request.url);
  const headers = outgoingHeaders(request.headers, await sign(env, who, Date.now()));
  const init: RequestInit = { method: request.method, headers, body: request.body, redirect: "manual" };
  // Where the runtime says that the client has left, weir is told at once.
  if (request.signal) init.signal = request.signal;
  let answer: Response;
  try {
    answer = await env.WEIR.fetch(outgoingUrl(url), init);
  } catch (error) {
    // The name of what went wrong, never its text: that may hold what was sent.
    console.error("weir did not answer", { id, error: error instanceof Error ? error.name : typeof error });
    const message = "The AI service cannot be reached at the moment. Try again in a second.";
    return refuse(url.pathname, id, 503, "service_unavailable", message, { "retry-after": "1" });
  }
  // A WebSocket belongs to its response and is lost in a copy.
  if (answer.status === 101) return answer;
  const out = new Response(answer.body, answer);
  for (const name of [...out.headers.keys()]) {
    if (HELD_BACK.includes(name) || name.startsWith("access-control-")) out.headers.delete(name);
  }
  return out;
}
