// The gateway as it is built, in workerd, in front of the fake.

import { createHash, createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { Miniflare } from "miniflare";

export const SECRET = "a secret of the tests, 32 bytes or more";
export const APP = "https://app.example.com";

const here = (path) => new URL(path, import.meta.url).pathname;
const hash = (text) => createHash("sha256").update(text).digest("hex");

export const CALLERS = {
  [hash("gk_alice")]: { tenant: "acme", user: "alice", plan: "pro" },
  [hash("s3ss10n")]: { tenant: "acme", user: "bob" },
};

export async function world(change = {}) {
  const compatibilityDate = "2026-04-01";
  const miniflare = new Miniflare({
    workers: [
      {
        name: "gateway",
        modules: true,
        script: readFileSync(here("../build/gateway.mjs"), "utf8"),
        compatibilityDate,
        compatibilityFlags: ["enable_request_signal"],
        serviceBindings: { WEIR: "fake-weir" },
        kvNamespaces: ["GLOBAL_CACHE"],
        bindings: {
          WEIR_CONTEXT_SECRET: SECRET,
          ALLOWED_ORIGINS: `${APP}, https://other.example.com`,
          DEMO_CALLERS: JSON.stringify(CALLERS),
        },
        ...change,
      },
      { name: "fake-weir", modules: true, scriptPath: here("fake-weir.mjs"), compatibilityDate },
    ],
  });
  const origin = (await miniflare.ready).origin;
  return {
    miniflare,
    ask: (path, init = {}) => fetch(origin + path, { redirect: "manual", ...init }),
    alice: (path, init = {}) =>
      fetch(origin + path, { ...init, headers: { authorization: "Bearer gk_alice", ...init.headers } }),
    cache: () => miniflare.getKVNamespace("GLOBAL_CACHE", "gateway"),
    end: () => miniflare.dispose(),
  };
}

/** Takes a token apart with none of the gateway's code; throws where the signature is wrong. */
export function opened(token, secret = SECRET) {
  const [head, payload, signature] = token.split(".");
  const mac = createHmac("sha256", secret).update(`${head}.${payload}`).digest("base64url");
  if (mac !== signature) throw new Error("the signature is wrong");
  const read = (part) => JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
  return { head: read(head), claims: read(payload) };
}
