// Configuration from a variable and from GLOBAL_CACHE, the AI binding, hints between isolates, the clock's calls.

import assert from "node:assert/strict";
import { it } from "node:test";
import { Upstream } from "./upstream.mjs";
import { World, audit, config } from "./world.mjs";

const credit = `[accounts.alice]\ncredit_usd = "10"\noverdraft_usd = "0"\n`;

it("a new configuration is used once it is told of, and a bad one is not", async () => {
  const upstream = await Upstream.start();
  const world = await World.start({ toml: config(upstream) });
  try {
    const cache = await world.flare.getKVNamespace("GLOBAL_CACHE");
    const reload = () => world.json("/api/admin/reload", { as: "admin", method: "POST" });
    assert.equal((await world.chat("plain")).status, 402, "no credit was configured");
    await cache.put("weir.toml", config(upstream, { accounts: credit }));
    assert.equal((await world.chat("plain")).status, 402);
    assert.deepEqual((await reload()).ok, true);
    assert.equal((await world.chat("plain")).status, 200);
    await cache.put("weir.toml", "[servic]");
    const refused = await reload();
    assert.equal(refused.status, 422);
    assert.match(refused.error.problems[0], /servic/);
    assert.equal((await world.chat("plain")).status, 200, "the old one stays");
    const catalogue = { ...JSON.parse(await (await import("node:fs/promises")).readFile(new URL("../../providers/catalogue/models.json", import.meta.url))), models: [] };
    await cache.put("weir.toml", config(upstream, { accounts: credit }));
    await cache.put("catalogue.json", JSON.stringify(catalogue));
    assert.equal((await reload()).status, 200);
  } finally {
    await world.stop();
    await upstream.stop();
  }
});

/** Stands in for Workers AI: a class of that name, made by a module of Miniflare's. */
const ai = {
  name: "ai",
  modules: true,
  script: `
    const stream = (events) => new Blob(events.map((event) => "data: " + event + "\\n\\n")).stream();
    class Ai {
      async run(model, inputs, options) {
        if (inputs.messages.at(-1).content.includes("busy")) throw new Error("3040: Capacity temporarily exceeded, please try again.");
        if (inputs.messages.at(-1).content.includes("gone")) throw new Error("AiError: 5007: No such model " + model);
        if (inputs.messages.at(-1).content.includes("bad")) return Response.json({ errors: [{ code: 5004, message: "bad input" }], success: false }, { status: 400 });
        const usage = { prompt_tokens: 60, completion_tokens: 40, total_tokens: 100 };
        const native = model.includes("native");
        if (inputs.stream) {
          const events = native
            ? [JSON.stringify({ response: "Hel", p: "ab" }), JSON.stringify({ response: "lo", p: "ab" }), JSON.stringify({ response: "", usage }), "[DONE]"]
            : [{ delta: { role: "assistant", content: "Hel" } }, { delta: { content: "lo" }, finish_reason: "stop" }].map((choice, at) => JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model, choices: [{ index: 0, ...choice }], ...(at ? { usage } : {}) })).concat("[DONE]");
          const body = stream(events);
          return options.returnRawResponse && !native ? new Response(body, { headers: { "content-type": "text/event-stream" } }) : body;
        }
        const whole = native ? { response: "Hello", usage } : { id: "c", object: "chat.completion", created: 1, model, choices: [{ index: 0, message: { role: "assistant", content: "Hello" }, finish_reason: "stop" }], usage };
        return native ? whole : Response.json(whole);
      }
    }
    export default () => new Ai();
  `,
};

it("the binding AI is a provider like the others", async () => {
  const upstream = await Upstream.start();
  const providers = `[providers.workers-ai]\nkind = "workers-ai"\nbase_url = "binding://AI"\nmodels = ["@cf/test/native", "@cf/test/chat"]\n`;
  const toml = config(upstream, { accounts: credit, providers, bounds: "attempts = 1" });
  const world = await World.start({ toml, options: { wrappedBindings: { AI: { scriptName: "ai" } } }, beside: [ai] });
  try {
    const ask = (model, stream, content = "Say hello.") =>
      world.fetch("/v1/chat/completions", { body: { model: `workers-ai/@cf/test/${model}`, stream, max_tokens: 50, messages: [{ role: "user", content }] } });
    for (const model of ["native", "chat"]) {
      const whole = await ask(model, false);
      assert.equal(whole.headers.get("x-cost-usd"), "0.000100000", world.log);
      assert.equal((await whole.json()).choices[0].message.content, "Hello");
      const text = await (await ask(model, true)).text();
      assert.match(text, /"content":"Hel"/);
      assert.match(text, /"content":"lo"/);
      assert.match(text, /\[DONE\]/);
    }
    const told = async (content) => {
      const answer = await ask("chat", false, content);
      return [answer.status, await answer.json()];
    };
    const [busy, why] = await told("busy");
    assert.equal(busy, 429, JSON.stringify(why));
    assert.match(JSON.stringify(why), /3040/);
    const [bad] = await (async () => {
      const answer = await ask("native", false, "bad");
      return [answer.status, await answer.text()];
    })();
    assert.equal(bad, 400);
    const gone = await ask("native", false, "gone");
    assert.equal(gone.status, 502);
    assert.match(await gone.text(), /gone after/);
  } finally {
    await world.stop();
    await upstream.stop();
  }
});

it("what one isolate found broken, another does not ask", async () => {
  const upstream = await Upstream.start();
  // Two Workers of one place share a cache, but no memory.
  const toml = config(upstream, { accounts: credit, bounds: "attempts = 1" });
  const world = await World.start({ toml, twin: true });
  try {
    const down = async (at) => {
      const answer = await world.chat("down", { at });
      await answer.text();
      return answer.status;
    };
    const state = async (at) => {
      const { providers } = await world.json("/api/providers", { at });
      return providers[0].models.find(({ model }) => model === "down").state;
    };
    for (let at = 0; at < 5; at += 1) assert.equal(await down("first"), 502);
    assert.equal(upstream.calls, 5);
    assert.equal(await state("second"), "closed");
    // The first pins what it has found out when it looks again, and the second hears of it when it does. It does not ask
    // before; had the rest ended meanwhile, as on a machine that is very slow, it would ask once.
    let asked = 0;
    const spared = async () => {
      await down("first");
      if ((await state("second")) !== "open") return false;
      const before = upstream.calls;
      const status = await down("second");
      asked += upstream.calls - before;
      return status === 503 && upstream.calls === before;
    };
    await world.until(spared, Boolean);
    assert.ok(asked <= 2, `${asked} calls of the second`);
  } finally {
    await world.stop();
    await upstream.stop();
  }
});

it("the clock's calls sweep and copy", async () => {
  const upstream = await Upstream.start();
  const world = await World.start({ toml: config(upstream, { accounts: credit }), options: { unsafeTriggerHandlers: true } });
  try {
    await (await world.chat("plain")).text();
    await world.until(() => world.kept(), ({ entries }) => entries.length === 3);
    for (const cron of ["7 * * * *", "17 3 * * *"]) {
      const answer = await world.fetch(`/cdn-cgi/handler/scheduled?cron=${encodeURIComponent(cron)}`, { as: "nobody" });
      assert.equal(answer.status, 200, await answer.text());
    }
    assert.doesNotMatch(world.log, /in trouble|not finished/);
    // KV that says something else is found the same day.
    const kv = await world.flare.getKVNamespace("KV_BILLING");
    await kv.put("account/alice", JSON.stringify({ seq: 99, head: "00" }));
    await world.fetch("/cdn-cgi/handler/scheduled?cron=17+3+*+*+*", { as: "nobody" });
    await world.until(() => world.log, (log) => /KV and object disagree/.test(log));
    audit((await world.kept()).entries);
  } finally {
    await world.stop();
    await upstream.stop();
  }
});

it("a body of any size and shape comes in, and a page's questions before it asks are answered", async () => {
  const upstream = await Upstream.start();
  const world = await World.start({ toml: config(upstream, { accounts: credit, service: "body_max = 3000000" }) });
  try {
    const long = "ä".repeat(600_000);
    const body = { model: "fake/plain", max_tokens: 5, messages: [{ role: "user", content: long }] };
    assert.equal((await world.fetch("/v1/chat/completions", { body })).status, 200);
    assert.equal(JSON.parse(upstream.last.body).messages[0].content, long);
    const pieces = async function* () {
      const text = JSON.stringify(body);
      for (let at = 0; at < text.length; at += 100_000) yield Buffer.from(text.slice(at, at + 100_000));
    };
    const chunked = { method: "POST", headers: { authorization: "Bearer wk_alice", "content-type": "application/json" }, body: pieces(), duplex: "half" };
    assert.equal((await fetch(new URL("/v1/chat/completions", world.url), chunked)).status, 200);
    body.messages[0].content = "x".repeat(3_000_001);
    assert.equal((await world.fetch("/v1/chat/completions", { body })).status, 413);
    assert.equal((await fetch(new URL("/v1/chat/completions", world.url), { ...chunked, body: pieces() })).status, 413);
    assert.equal((await world.fetch("/v1/chat/completions", { method: "POST" })).status, 400);
    const head = await world.fetch("/health", { method: "HEAD" });
    assert.deepEqual([head.status, await head.text()], [200, ""]);
    const asked = await world.fetch("/v1/models", { method: "OPTIONS" });
    assert.equal(asked.status, 204);
    assert.equal((await world.fetch("/nowhere")).status, 404);
  } finally {
    await world.stop();
    await upstream.stop();
  }
});
