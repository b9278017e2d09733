// What the platform does to us: isolates that end, objects that are put away, KV that does not take what it is given.
// Whatever happens, the record adds up, from the object alone and from KV alone.

import assert from "node:assert/strict";
import { it } from "node:test";
import { Upstream } from "./upstream.mjs";
import { World, audit, config } from "./world.mjs";

const credit = `[accounts.alice]\ncredit_usd = "0.01"\noverdraft_usd = "0"\n`;
const admin = (world, path) => world.json(path, { as: "admin", method: "POST" });
const read = async (reader, until) => {
  let text = "";
  while (!text.includes(until)) {
    const { done, value } = await reader.read();
    if (done) break;
    text += new TextDecoder().decode(value);
  }
  return text;
};

const within = async (work, more = {}, start = {}) => {
  const upstream = await Upstream.start();
  const world = await World.start({ toml: config(upstream, { accounts: credit, ...more }), ...start });
  try {
    await work(world, upstream);
  } finally {
    await world.stop();
    await upstream.stop();
  }
};

it("a client that leaves mid-stream pays for what was used", () =>
  within(async (world, upstream) => {
    const leaving = new AbortController();
    const answer = await world.chat("long", { stream: true, id: "left", signal: leaving.signal });
    await read(answer.body.getReader(), " 3");
    leaving.abort();
    const { events } = await world.until(
      () => world.json("/api/billing/usage"),
      ({ events }) => events.length === 1,
    );
    assert.equal(events[0].request_id, "left");
    assert.equal(events[0].lines[0].outcome, "left");
    assert.notEqual(events[0].cost_usd, "0.000000000");
    await world.until(() => upstream.open, (open) => open === 0);
    assert.deepEqual((await world.both()).open, []);
  }));

it("a client that leaves before a whole answer is there pays for it, and leaves no hold", () =>
  within(async (world, upstream) => {
    const leaving = new AbortController();
    const asked = world.chat("silent", { id: "gone", signal: leaving.signal });
    await world.until(() => world.credits(), ({ held_usd }) => held_usd !== "0.000000000");
    leaving.abort();
    await assert.rejects(asked);
    upstream.release();
    const { events } = await world.until(
      () => world.json("/api/billing/usage"),
      ({ events }) => events.length === 1,
    );
    assert.deepEqual([events[0].request_id, events[0].cost_usd], ["gone", "0.000100000"]);
    assert.deepEqual((await world.both()).open, []);
  }));

it("an upstream that stalls is silent, and the stream ends with an error", () =>
  within(
    async (world, upstream) => {
      const answer = await world.chat("stall", { stream: true, id: "stalled", headers: { "x-weir-trailer": "1" } });
      const text = await answer.text();
      assert.match(text, /"code":"stream_broken"/);
      assert.doesNotMatch(text, /\[DONE\]/);
      await world.until(() => upstream.open, (open) => open === 0);
      const silent = await world.chat("silent", { id: "silent" });
      assert.equal(silent.status, 504);
      await silent.text();
      const { open, record } = await world.both();
      assert.deepEqual(open, []);
      const outcomes = record.filter((e) => e.kind === "settle").flatMap((e) => JSON.parse(e.detail).lines);
      assert.ok(outcomes.some(({ outcome, amount }) => outcome === "silent" && amount !== "0.000000000"));
    },
    { bounds: "idle_ms = 1000\ndeadline_ms = 4000\nfirst_content_ms = 4000\nattempts = 1" },
  ));

it("a cut stream never ends as if it were whole", () =>
  within(async (world) => {
    const text = await (await world.chat("cut", { stream: true })).text();
    assert.match(text, /"code":"stream_broken"/);
    assert.doesNotMatch(text, /\[DONE\]/);
    assert.deepEqual((await world.both()).open, []);
  }));

it("an isolate ended mid-stream leaves a hold, which is settled at what was last heard of it", () =>
  within(async (world, upstream) => {
    const answer = await world.chat("stall", { stream: true, id: "lost" });
    await read(answer.body.getReader(), "Hello");
    assert.notEqual((await world.credits()).held_usd, "0.000000000");
    // The process is gone, with all isolates and objects; what was on disk is there when it comes back.
    await world.restart();
    assert.notEqual((await world.credits()).held_usd, "0.000000000");
    assert.deepEqual(await admin(world, "/api/admin/sweep?account=alice").then((r) => r.settled), 0);
    const swept = await admin(world, "/api/admin/sweep?account=alice&unheard_s=0");
    assert.equal(swept.settled, 1);
    const credits = await world.credits();
    assert.equal(credits.held_usd, "0.000000000");
    assert.notEqual(credits.spent_usd, "0.000000000");
    const { open, record } = await world.both();
    assert.deepEqual(open, []);
    const end = record.find((e) => e.kind === "settle" && e.op_id === "lost");
    const detail = JSON.parse(end.detail);
    assert.equal(detail.estimated, true);
    assert.equal(detail.lines[0].outcome, "orphan");
    upstream.release();
  }));

it("an object put away between hold and settle takes up where it was", () =>
  within(
    async (world, upstream) => {
      const asked = world.chat("silent", { id: "through" });
      await world.until(() => world.credits(), ({ held_usd }) => held_usd !== "0.000000000");
      // The runtime puts an object away that nobody has asked for ten seconds: not even its alarm, which copies the hold.
      await world.until(() => world.reach(), (reach) => reach?.seq === 2);
      await new Promise((resolve) => setTimeout(resolve, 15_000));
      upstream.release();
      const answer = await asked;
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get("x-cost-usd"), "0.000100000");
      const { open, settled } = await world.both();
      assert.deepEqual([open, settled], [[], 100_000_000n]);
      assert.ok(world.log.match(/books are taken up/g).length >= 2, world.log);
    },
    { bounds: "deadline_ms = 300000\nfirst_content_ms = 300000\nidle_ms = 300000" },
    { bindings: { WEIR_LOG: "debug" } },
  ));

it("KV that fails is written later, each entry once", () =>
  within(
    async (world) => {
      await world.store("/fail");
      for (let at = 0; at < 5; at += 1) assert.equal((await world.chat("plain")).status, 200);
      await world.until(() => world.store("/"), (failures) => failures >= 2);
      assert.equal((await world.kept()).entries.length, 0);
      await world.store("/heal");
      await world.until(() => world.kept(), ({ entries }) => entries.length === 11);
      assert.deepEqual((await world.both()).open, []);
    },
    {},
    { failing: true },
  ));

it("KV that is slow delays nobody, and has everything in the end", () =>
  within(
    async (world) => {
      await world.store("/hold");
      assert.equal((await world.chat("plain")).status, 200);
      await world.until(() => world.store("/waiting"), (waiting) => waiting > 0);
      // Whoever waited for KV would wait for ever.
      for (let at = 0; at < 4; at += 1) assert.equal((await world.chat("plain")).status, 200);
      assert.equal((await world.credits()).spent_usd, "0.000500000");
      assert.deepEqual((await world.kept()).entries, []);
      await world.store("/free");
      await world.until(() => world.reach(), (reach) => reach?.seq === 11);
      assert.deepEqual((await world.both()).open, []);
    },
    {},
    { failing: true },
  ));

it("either side is rebuilt from the other", () =>
  within(async (world) => {
    for (let at = 0; at < 3; at += 1) await (await world.chat("plain")).text();
    const before = await world.both();
    const kv = await world.flare.getKVNamespace("KV_BILLING");

    // KV loses an entry, another is changed, and a stranger sits where none belongs.
    const { keys } = await kv.list({ prefix: "entry/alice/" });
    await kv.delete(keys[2].name);
    const changed = JSON.parse(await kv.get(keys[3].name));
    await kv.put(keys[3].name, JSON.stringify({ ...changed, amount: "9.000000000" }));
    await kv.put("entry/alice/2001-01-01T00/000000000002", "{}");
    await assert.rejects(async () => audit((await world.kept()).entries));
    const refused = await admin(world, "/api/admin/rebuild?account=alice&from=kv");
    assert.equal(refused.status, 422);
    const rebuilt = await admin(world, "/api/admin/rebuild?account=alice&from=object");
    assert.deepEqual([rebuilt.status, rebuilt.done, rebuilt.removed], [200, true, 1], JSON.stringify(rebuilt));
    assert.equal((await world.both()).head, before.head);

    // The object is gone. KV has it all.
    await world.forget();
    assert.equal((await world.json("/api/billing/verify")).entries, 0);
    const restored = await admin(world, "/api/admin/rebuild?account=alice&from=kv");
    assert.equal(restored.status, 200, JSON.stringify(restored));
    assert.equal(restored.object.head, before.head);
    assert.equal((await world.credits()).spent_usd, "0.000300000");
    assert.equal((await world.chat("plain")).status, 200);
    const { settled } = await world.both();
    assert.equal(settled, 400_000_000n);

    // A good record is not replaced by a shorter one.
    const again = await world.flare.getKVNamespace("KV_BILLING");
    await again.delete((await again.list({ prefix: "entry/alice/" })).keys.at(-1).name);
    const cut = await admin(world, "/api/admin/rebuild?account=alice&from=kv");
    assert.equal(cut.status, 422);
    assert.match(cut.error.message, /should reach entry/);
  }));

it("nobody but the operator sweeps, rebuilds or reloads", () =>
  within(async (world) => {
    for (const path of ["reload", "sweep?account=alice", "rebuild?account=alice&from=kv"]) {
      assert.equal((await world.fetch(`/api/admin/${path}`, { method: "POST" })).status, 401);
      assert.equal((await world.fetch(`/api/admin/${path}`, { as: "admin" })).status, 405);
    }
    assert.equal((await admin(world, "/api/admin/sweep")).status, 422);
    assert.equal((await admin(world, "/api/admin/rebuild?account=alice")).status, 422);
  }));
