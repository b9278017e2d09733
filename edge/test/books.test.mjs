// One account's books, kept by its object: what is held, what is charged, and who is let in.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Upstream } from "./upstream.mjs";
import { World, config } from "./world.mjs";

// A request of `max_tokens` 81 sets 19 tokens in and 81 out aside, at a millionth of a dollar each: 100 units.
const HELD = 81;
const credit = (usd) => `[accounts.alice]\ncredit_usd = "${usd}"\noverdraft_usd = "0"\n`;

describe("an account's books", () => {
  let upstream, world;
  before(async () => {
    upstream = await Upstream.start();
    world = await World.start({ toml: config(upstream, { accounts: credit("0.001") }) });
  });
  after(async () => {
    await world.stop();
    await upstream.stop();
  });

  it("grants, holds and settles, and says so in the answer", async () => {
    const answer = await world.chat("plain", { id: "first" });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("x-cost-usd"), "0.000100000");
    assert.equal(answer.headers.get("x-credits-balance"), "0.09");
    assert.equal((await answer.json()).choices[0].message.content, "Hello there.");
    const credits = await world.credits();
    assert.deepEqual([credits.granted_usd, credits.spent_usd, credits.held_usd], ["0.001000000", "0.000100000", "0.000000000"]);
    const { events } = await world.json("/api/billing/usage");
    assert.deepEqual(events.map((e) => [e.request_id, e.kind, e.cost_usd]), [["first", "settle", "0.000100000"]]);
  });

  it("streams, holds before it asks, and settles at the end", async () => {
    const answer = await world.chat("plain", { stream: true, headers: { "x-weir-trailer": "1" } });
    const text = await answer.text();
    assert.match(text, /data: \[DONE\]/);
    assert.match(text, /"cost":\{"usd":"0\.000100000"/);
    assert.equal((await world.credits()).spent_usd, "0.000200000");
  });

  it("takes an id once", async () => {
    assert.equal((await world.chat("plain", { id: "once" })).status, 200);
    const again = await world.chat("plain", { id: "once" });
    assert.equal(again.status, 409);
    assert.equal((await again.json()).error.code, "request_id_conflict");
  });

  it("copies every entry to KV, where it can be checked alone", async () => {
    const { open, record } = await world.both();
    assert.deepEqual(open, []);
    assert.deepEqual(record.map((e) => e.op_id).slice(0, 3), ["opening", "first", "first"]);
  });
});

it("fifty requests of a hundred against a thousand admit ten", async () => {
  const upstream = await Upstream.start();
  const world = await World.start({ toml: config(upstream, { accounts: credit("0.001") }) });
  try {
    await world.fetch("/health");
    // Slow enough that none is settled before the last has asked.
    const answers = await Promise.all(Array.from({ length: 50 }, () => world.chat("slow", { max_tokens: HELD })));
    const statuses = answers.map((answer) => answer.status);
    assert.equal(statuses.filter((status) => status === 200).length, 10, statuses.join());
    assert.equal(statuses.filter((status) => status === 402).length, 40, statuses.join());
    assert.equal(upstream.calls, 10);
    await Promise.all(answers.map((answer) => answer.text()));
    const credits = await world.credits();
    assert.equal(credits.spent_usd, "0.001000000");
    assert.equal(credits.available_usd, "0.000000000");
    assert.equal((await world.both()).entries, 21);
  } finally {
    await world.stop();
    await upstream.stop();
  }
});

it("without an object nobody is served, unless budgets may be approximate; then every answer says so", async () => {
  const upstream = await Upstream.start();
  const closed = await World.start({ toml: config(upstream), options: { durableObjects: {} } });
  try {
    for (const path of ["/health", "/v1/models"]) {
      const answer = await closed.json(path);
      assert.equal(answer.status, 503);
      assert.equal(answer.error.code, "misconfigured");
    }
    assert.match(closed.log, /no Durable Object ACCOUNT/);
  } finally {
    await closed.stop();
  }
  const toml = config(upstream, { accounts: credit("0.0005"), service: "approximate_budgets = true" });
  const open = await World.start({ toml, options: { durableObjects: {} } });
  try {
    const answer = await open.chat("plain", { id: "rough" });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("x-weir-budget"), "approximate");
    await answer.text();
    assert.equal((await open.fetch("/health")).headers.get("x-weir-budget"), "approximate");
    const answers = await Promise.all(Array.from({ length: 20 }, () => open.chat("slow", { max_tokens: HELD })));
    assert.equal(answers.filter(({ status }) => status === 200).length, 4);
    const kv = await open.flare.getKVNamespace("KV_BILLING");
    const there = () => kv.list({ prefix: "approximate/" }).then(({ keys }) => keys.length);
    await open.until(there, (count) => count === 1 + 2 + 8);
  } finally {
    await open.stop();
    await upstream.stop();
  }
});

it("keeps accounts apart, and asks everybody for a key", async () => {
  const upstream = await Upstream.start();
  const world = await World.start({ toml: config(upstream, { accounts: credit("1") }) });
  try {
    assert.equal((await world.chat("plain", { as: "alice" })).status, 200);
    assert.equal((await world.chat("plain", { as: "bob" })).status, 402);
    assert.equal((await world.chat("plain", { as: "nobody" })).status, 401);
    assert.equal((await world.credits("bob")).spent_usd, "0.000000000");
  } finally {
    await world.stop();
    await upstream.stop();
  }
});
