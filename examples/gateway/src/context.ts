// Context tokens: an HS256 JWT by which weir knows who is calling.

import type { Env, Identity } from "./env";

/** A token is for one request that leaves at once. */
const LIFE_S = 60;

const encoder = new TextEncoder();

/** The key of the secret that was used last: made once for each isolate, not once for each request. */
let kept: { secret: string; key: Promise<CryptoKey> } | undefined;

function keyOf(secret: string): Promise<CryptoKey> {
  if (kept?.secret !== secret) {
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    kept = { secret, key: crypto.subtle.importKey("raw", encoder.encode(secret), algorithm, false, ["sign"]) };
  }
  return kept.key;
}

function base64url(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

const HEAD = base64url(encoder.encode(JSON.stringify({ alg: "HS256", typ: "JWT" })));

/** Says who is calling, for a minute. `now` is in milliseconds. */
export async function sign(env: Env, who: Identity, now: number): Promise<string> {
  if (!env.WEIR_CONTEXT_SECRET) throw new Error("WEIR_CONTEXT_SECRET is not set");
  const seconds = Math.floor(now / 1000);
  const claims = {
    iss: env.CONTEXT_ISSUER ?? "gateway",
    aud: env.CONTEXT_AUDIENCE ?? "weir",
    iat: seconds,
    exp: seconds + LIFE_S,
    // What is undefined is left out.
    tenant: who.tenant,
    user: who.user,
    plan: who.plan,
  };
  const signed = `${HEAD}.${base64url(encoder.encode(JSON.stringify(claims)))}`;
  const mac = await crypto.subtle.sign("HMAC", await keyOf(env.WEIR_CONTEXT_SECRET), encoder.encode(signed));
  return `${signed}.${base64url(new Uint8Array(mac))}`;
}
