// Answers that are told again: under an Idempotency-Key, with the account's object; out of the cache, in an isolate's memory.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Upstream } from "./upstream.mjs";
import { World, config } from "./world.mjs";

const credit = '[accounts.alice]\ncredit_usd = "1"\n[accounts.bob]\ncredit_usd = "1"\n';
const keyed = (key, more) => ({ headers: { "idempotency-key": key }, ...more });
const replayed = (answer) => answer.headers.get("idempotent-replayed") === "true";
const lasting = (answer) =>
  [...answer.headers].filter(([name]) => !["server-timing", "date", "idempotent-replayed", "connection", "keep-alive"].includes(name));

describe("an Idempotency-Key", () => {
  let upstream, world;
  before(async () => {
    upstream = await Upstream.start();
    world = await World.start({ toml: config(upstream, { accounts: credit, bounds: "deadline_ms = 20000" }), twin: true });
  });
  after(async () => {
    await world.stop();
    await upstream.stop();
  });

  it("of fifty requests on two isolates has one generated", async () => {
    const at = (n) => world.isolates[n % 2];
    await Promise.all(world.isolates.map((at) => world.fetch("/health", { at })));
    const ask = (_, n) => world.chat("slow", keyed("order-7", { at: at(n) }));
    const answers = await Promise.all(Array.from({ length: 50 }, ask));
    assert.deepEqual(answers.map((answer) => answer.status).filter((status) => status !== 200), []);
    assert.equal(upstream.calls, 1);
    assert.equal(answers.filter(replayed).length, 49);
    const texts = await Promise.all(answers.map((answer) => answer.text()));
    assert.equal(new Set(texts).size, 1);
    assert.equal(new Set(answers.map((answer) => answer.headers.get("x-request-id"))).size, 1);
    const { record } = await world.both();
    const count = (kind) => record.filter((entry) => entry.kind === kind).length;
    assert.deepEqual([count("hold"), count("settle"), count("replay")], [1, 1, 49]);
    assert.equal((await world.credits()).spent_usd, "0.000100000");
  });

  it("is told the same bytes by another isolate, streams in their pieces", async () => {
    for (const stream of [false, true]) {
      const ask = (at) => world.chat("plain", keyed(`bytes-${stream}`, { at, stream, headers: { "idempotency-key": `bytes-${stream}`, "x-weir-trailer": "1" } }));
      const first = await ask("first");
      const text = await first.text();
      assert.equal(replayed(first), false);
      const again = await world.until(() => ask("second"), replayed);
      assert.equal(await again.text(), text);
      assert.deepEqual(lasting(again), lasting(first));
    }
  });

  it("is for one request, of one tenant", async () => {
    assert.equal((await world.chat("plain", keyed("mine"))).status, 200);
    const other = await world.chat("plain", keyed("mine", { max_tokens: 41 }));
    assert.equal(other.status, 409);
    assert.equal((await other.json()).error.code, "idempotency_conflict");
    const bob = await world.chat("plain", keyed("mine", { as: "bob", max_tokens: 41 }));
    assert.deepEqual([bob.status, replayed(bob)], [200, false]);
  });

  it("runs anew after a stream that was cut or a request that failed", async () => {
    for (const [model, stream] of [["down", false], ["cut", true]]) {
      const calls = upstream.calls;
      for (let turn = 0; turn < 2; turn += 1) {
        const answer = await world.chat(model, keyed(`anew-${model}`, { stream }));
        await answer.text();
        assert.equal(replayed(answer), false, model);
      }
      assert.ok(upstream.calls >= calls + 2, model);
    }
  });

  it("outlives the runtime", async () => {
    const first = await world.chat("plain", keyed("later"));
    const text = await first.text();
    await world.both();
    await world.restart();
    const again = await world.chat("plain", keyed("later", { at: "second" }));
    assert.equal(replayed(again), true);
    assert.equal(await again.text(), text);
    assert.deepEqual((await world.both()).open, []);
  });
});

it("an answer is forgotten when its time is over", async () => {
  const upstream = await Upstream.start();
  const service = "[service.idempotency]\nttl_s = 1\n";
  const world = await World.start({ toml: config(upstream, { accounts: credit, service }) });
  try {
    await world.chat("plain", keyed("soon"));
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    assert.equal(replayed(await world.chat("plain", keyed("soon"))), false);
    assert.equal(upstream.calls, 2);
  } finally {
    await world.stop();
    await upstream.stop();
  }
});

it("an isolate's cache tells what it was told, and charges nothing", async () => {
  const upstream = await Upstream.start();
  const service = '[service.cache]\nmode = "on"\n';
  const world = await World.start({ toml: config(upstream, { accounts: credit, service }) });
  try {
    for (const stream of [false, true]) {
      const first = await world.chat("plain", { stream });
      const text = await first.text();
      assert.equal(first.headers.get("x-weir-cache"), "miss");
      const hit = await world.until(
        () => world.chat("plain", { stream, id: `hit-${stream}-${Math.random()}` }),
        (answer) => answer.headers.get("x-weir-cache").startsWith("hit; age="),
      );
      assert.equal(await hit.text(), text);
      assert.deepEqual([hit.headers.get("x-cost-usd"), hit.headers.get("x-provider")], ["0.000000000", "fake"]);
    }
    const bob = await world.chat("plain", { as: "bob" });
    assert.equal(bob.headers.get("x-weir-cache"), "miss");
    const { record } = await world.both();
    const count = (kind) => record.filter((entry) => entry.kind === kind).length;
    assert.deepEqual([count("settle"), count("hit")], [2, 2]);
    assert.equal((await world.credits()).spent_usd, "0.000200000");
  } finally {
    await world.stop();
    await upstream.stop();
  }
});
