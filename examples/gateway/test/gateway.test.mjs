import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { APP, opened, world } from "./world.mjs";

let gateway;
before(async () => {
  gateway = await world();
});
after(() => gateway.end());

describe("identity", () => {
  it("lets nobody in without a key, in the words of the protocol that was asked in", async () => {
    for (const [headers, code] of [
      [{}, "missing_api_key"],
      [{ authorization: "Bearer gk_mallory" }, "invalid_api_key"],
      [{ authorization: "Basic gk_alice" }, "missing_api_key"],
      [{ "x-api-key": "constructor" }, "invalid_api_key"],
      [{ "x-user-email": "alice@example.com" }, "missing_api_key"],
      [{ cookie: "gateway_session=stolen" }, "invalid_api_key"],
    ]) {
      for (const path of ["/api/si/ask", "/v1/chat/completions"]) {
        const answer = await gateway.ask(path, { method: "POST", headers, body: "{}" });
        assert.equal(answer.status, 401, JSON.stringify(headers));
        const { error } = await answer.json();
        assert.equal(error.code, code);
        assert.equal(error.request_id, answer.headers.get("x-request-id"));
        assert.equal(answer.headers.get("cache-control"), "no-store");
        assert.equal(answer.headers.get("x-frame-options"), "DENY");
        assert.match(answer.headers.get("server-timing") ?? "", /^gateway;dur=[0-9]+$/);
        assert.equal(path.startsWith("/v1/") ? error.type : error.status, path.startsWith("/v1/") ? "authentication_error" : 401);
      }
    }
    const messages = await (await gateway.ask("/v1/messages", { method: "POST", body: "{}" })).json();
    assert.deepEqual([messages.type, messages.error.type, messages.error.code], ["error", "authentication_error", "missing_api_key"]);
    for (const path of ["/v1beta/models/auto:generateContent", "/v1/models/auto:streamGenerateContent"]) {
      const { error } = await (await gateway.ask(path, { method: "POST", body: "{}" })).json();
      assert.deepEqual([error.code, error.status, error.details[0].reason], [401, "UNAUTHENTICATED", "MISSING_API_KEY"]);
    }
    const query = await gateway.ask("/api/si/ask?key=gk_alice&email=alice@example.com", { method: "POST", body: "{}" });
    assert.equal(query.status, 401, "a key does not belong into an address");
  });

  it("says who is calling in a token that lives for a minute", async () => {
    for (const headers of [
      { authorization: "Bearer gk_alice" },
      { authorization: "bearer  gk_alice" },
      { "x-api-key": "gk_alice" },
      { "x-goog-api-key": "gk_alice" },
    ]) {
      const told = await (await gateway.ask("/api/si/ask", { method: "POST", headers, body: "{}" })).json();
      const { head, claims } = opened(told.headers["x-weir-context"]);
      assert.deepEqual(head, { alg: "HS256", typ: "JWT" });
      const { iat, exp, ...who } = claims;
      assert.deepEqual(who, { iss: "gateway", aud: "weir", tenant: "acme", user: "alice", plan: "pro" });
      assert.equal(exp - iat, 60);
      assert.ok(Math.abs(Date.now() / 1000 - iat) < 5, `${iat}`);
    }
    const session = await gateway.ask("/api/credits", { headers: { cookie: "a=b; gateway_session=s3ss10n" } });
    const { claims } = opened((await session.json()).headers["x-weir-context"]);
    assert.equal(claims.user, "bob");
    assert.ok(!("plan" in claims));
  });

  it("passes on nothing that could be taken for an identity", async () => {
    const headers = {
      "x-api-key": "gk_alice",
      cookie: "gateway_session=s3ss10n",
      "x-user-email": "root@example.com",
      "x-weir-context": "eyJhbGciOiJub25lIn0.e30.",
      "x-goog-api-key": "AIza",
      "x-forwarded-for": "10.0.0.1",
      "x-tenant": "victim",
      origin: APP,
      "x-weir-policy": "cheap",
      "x-weir-session": "s1",
      te: "trailers",
    };
    const answer = await gateway.ask("/api/si/ask?key=wk_stolen&email=a@b.c&limit=5", { method: "POST", headers, body: '{"a":1}' });
    const told = await answer.json();
    assert.equal(told.url, "http://internal/si/ask?limit=5");
    assert.equal(told.body, '{"a":1}');
    assert.equal(told.headers["x-weir-policy"], "cheap");
    assert.equal(told.headers["x-weir-session"], "s1");
    assert.equal(opened(told.headers["x-weir-context"]).claims.tenant, "acme");
    for (const gone of ["te", "x-api-key", "x-goog-api-key", "cookie", "authorization", "x-user-email", "x-forwarded-for", "x-tenant", "origin"]) {
      assert.equal(told.headers[gone], undefined, gone);
    }
  });

  it("keeps the operator's paths to itself", async () => {
    for (const path of ["/api/admin/ping", "/api/admin/keys", "/metrics", "/", "/si/ask", "/admin/ping", "/v2/x"]) {
      assert.equal((await gateway.alice(path)).status, 404, path);
    }
    // However it is spelt.
    for (const path of ["/api/%61dmin/ping", "/api//admin/ping", "/api/x/../admin/ping"]) {
      const answer = await gateway.alice(path);
      if (answer.status === 200) assert.ok(!new URL((await answer.json()).url).pathname.startsWith("/admin/"), path);
    }
  });
});

describe("pages", () => {
  it("may call where they are on the list, and nowhere else", async () => {
    for (const [origin, allowed] of [
      [APP, true],
      ["https://other.example.com", true],
      ["https://evil.example.com", false],
      ["https://app.example.com.evil.com", false],
      ["http://app.example.com", false],
      ["null", false],
    ]) {
      const asked = { origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization" };
      const preflight = await gateway.ask("/api/si/ask", { method: "OPTIONS", headers: asked });
      const answer = await gateway.alice("/api/si/ask", { method: "POST", headers: { origin }, body: "{}" });
      assert.equal(preflight.status, 204);
      for (const reply of [preflight, answer]) {
        assert.equal(reply.headers.get("access-control-allow-origin"), allowed ? origin : null, origin);
        assert.match(reply.headers.get("vary") ?? "", /origin/i);
      }
      if (allowed) {
        assert.equal(preflight.headers.get("access-control-allow-credentials"), "true");
        assert.match(preflight.headers.get("access-control-allow-headers") ?? "", /x-weir-policy/);
        assert.doesNotMatch(preflight.headers.get("access-control-allow-headers") ?? "", /x-weir-context/);
        assert.match(answer.headers.get("access-control-expose-headers") ?? "", /x-cost-usd/);
      }
    }
  });

  it("cannot spend a session that is not theirs", async () => {
    const cookie = "gateway_session=s3ss10n";
    const post = (origin) =>
      gateway.ask("/api/si/ask", { method: "POST", headers: { cookie, ...(origin && { origin }) }, body: "{}" });
    assert.equal((await post("https://evil.example.com")).status, 403);
    assert.equal((await post("null")).status, 403);
    assert.equal((await post(APP)).status, 200);
    assert.equal((await post()).status, 200);
  });

  it("are told of refusals too", async () => {
    const answer = await gateway.ask("/api/si/ask", { method: "POST", headers: { origin: APP }, body: "{}" });
    assert.equal(answer.status, 401);
    assert.equal(answer.headers.get("access-control-allow-origin"), APP);
  });
});

describe("weir behind it", () => {
  it("is heard as it speaks: status, cost and limits", async () => {
    const answer = await gateway.alice("/api/si/ask", { method: "POST", headers: { "x-request-id": "req-1" }, body: "{}" });
    assert.equal(answer.headers.get("x-cost-usd"), "0.000042500");
    assert.equal(answer.headers.get("x-provider"), "fake");
    assert.equal(answer.headers.get("x-request-id"), "req-1");
    assert.equal(answer.headers.get("set-cookie"), null);
    assert.equal(answer.headers.get("access-control-allow-origin"), null, "the gateway decides which pages may read");
    const refused = await gateway.alice("/api/si/refused");
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get("retry-after"), "7");
    assert.equal(refused.headers.get("x-limit-remaining"), "0");
    assert.equal(refused.headers.get("x-ratelimit-remaining-requests"), "0");
    assert.equal((await refused.json()).error.code, "rate_limited");
  });

  it("is given a client's own id, and makes one where that is none or not sane", async () => {
    for (const id of [undefined, "a b", "<x>", "x".repeat(129)]) {
      const headers = id === undefined ? {} : { "x-request-id": id };
      const answer = await gateway.alice("/api/si/ask", { method: "POST", headers, body: "" });
      assert.equal((await answer.json()).headers["x-request-id"], undefined);
      assert.equal(answer.headers.get("x-request-id"), "made-by-weir");
    }
    const headers = { "x-request-id": "own_1.2:3-4" };
    const told = await (await gateway.alice("/api/si/ask", { method: "POST", headers, body: "" })).json();
    assert.equal(told.headers["x-request-id"], "own_1.2:3-4");
  });

  it("streams both ways, piece by piece", async () => {
    let push;
    const body = new ReadableStream({ start: (controller) => { push = controller; } });
    const encoder = new TextEncoder();
    push.enqueue(encoder.encode("one"));
    const answer = await gateway.alice("/api/si/stream", { method: "POST", body, duplex: "half" });
    assert.equal(answer.headers.get("content-type"), "text/event-stream");
    const reader = answer.body.getReader();
    const heard = async () => new TextDecoder().decode((await reader.read()).value);
    assert.equal(await heard(), "data: one\n\n");
    push.enqueue(encoder.encode("two"));
    assert.equal(await heard(), "data: two\n\n", "the answer does not wait for the request's end");
    push.close();
    assert.equal((await reader.read()).done, true);
  });

  it("may be down, and then that is what is said", async () => {
    for (const [path, field, value] of [["/api/si/down", "status", 503]]) {
      const answer = await gateway.alice(path, { method: "POST", headers: { "x-request-id": "req-2" }, body: "{}" });
      assert.equal(answer.status, 503);
      assert.equal(answer.headers.get("retry-after"), "1");
      const text = await answer.text();
      const { error } = JSON.parse(text);
      assert.equal(error.code, "service_unavailable");
      assert.equal(error[field], value);
      assert.equal(error.request_id, "req-2");
      assert.ok(!text.includes("secret detail"), text);
    }
  });

  it("is not asked without a secret to sign with", async () => {
    const other = await world({ bindings: { DEMO_CALLERS: JSON.stringify((await import("./world.mjs")).CALLERS) } });
    try {
      const answer = await other.alice("/v1/chat/completions", { method: "POST", body: "{}" });
      assert.equal(answer.status, 503);
      assert.equal((await answer.json()).error.type, "server_error");
    } finally {
      await other.end();
    }
  });
});
