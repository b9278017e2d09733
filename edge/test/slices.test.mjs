// Requests that an isolate decides about by itself, out of a slice of the account's balance: see edge/src/purse.rs.

import assert from "node:assert/strict";
import { it } from "node:test";
import { Upstream } from "./upstream.mjs";
import { World, config } from "./world.mjs";

// As in books.test.mjs: a request of `max_tokens` 81 sets 100 units of a millionth of a dollar aside, and costs as much.
const HELD = 81;
const credit = (usd) => `[accounts.alice]\ncredit_usd = "${usd}"\noverdraft_usd = "0"\n`;
const sweep = (world) => world.json("/api/admin/sweep?account=alice&unheard_s=0", { as: "admin", method: "POST" });

const within = async (usd, work, start = {}) => {
  const upstream = await Upstream.start();
  const world = await World.start({ toml: config(upstream, { accounts: credit(usd) }), ...start });
  try {
    await work(world, upstream);
  } finally {
    await world.stop();
    await upstream.stop();
  }
};

it("a hundred requests are told of in a few letters, each with a hold and a settlement of its own", () =>
  within("1", async (world) => {
    await world.chat("plain");
    const begun = Date.now();
    const answers = await Promise.all(Array.from({ length: 100 }, () => world.chat("plain", { max_tokens: HELD })));
    const ids = answers.map((answer) => answer.headers.get("x-request-id"));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    const took = Date.now() - begun;
    assert.equal((await world.credits()).spent_usd, "0.010100000");
    const { open, record, settled } = await world.both();
    assert.deepEqual([open, settled, record.length], [[], 10_100_000_000n, 1 + 2 * 101]);
    for (const id of ids) {
      assert.deepEqual(record.filter((e) => e.op_id === id).map((e) => e.kind), ["hold", "settle"]);
    }
    // One letter each would be 202. One goes every 50 ms; those that were there before the slice was asked by themselves.
    const letters = world.log.match(/"message":"a letter"/g)?.length;
    assert.ok(letters > 0 && letters <= 60 + took / 50, `${letters} letters in ${took} ms`);
  }, { bindings: { WEIR_LOG: "trace" } }));

it("two isolates with slices together admit exactly what was granted", () =>
  within(
    "0.03",
    async (world, upstream) => {
      await Promise.all(["first", "second"].map((at) => world.fetch("/health", { at })));
      let served = 0;
      let refused = 0;
      const one = async (n) => {
        const answer = await world.chat("slow", { max_tokens: HELD, at: n % 2 ? "first" : "second" });
        await answer.text();
        if (answer.status === 200) served += 1;
        else if (answer.status === 402) refused += 1;
        else assert.fail(`status ${answer.status}`);
      };
      let next = 0;
      const client = async () => {
        while (next < 360) await one(next++);
      };
      await Promise.all(Array.from({ length: 40 }, client));
      assert.deepEqual([served, refused, upstream.calls], [300, 60, 300]);
      const { open, settled } = await world.both();
      assert.deepEqual([open, settled], [[], 30_000_000_000n]);
    },
    { twin: true },
  ));

it("a slice that nobody uses goes back by itself, and costs nothing", () =>
  within("1", async (world) => {
    for (let at = 0; at < 3; at += 1) assert.equal((await world.chat("plain")).status, 200);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    assert.equal((await sweep(world)).settled, 0);
    assert.equal((await world.credits()).spent_usd, "0.000300000");
    assert.deepEqual((await world.both()).open, []);
  }));

it("an isolate that ends takes what it had not told of along: that is settled as estimated, and nothing stays held", () =>
  within("1", async (world, upstream) => {
    assert.equal((await world.chat("plain")).status, 200);
    // Out of the slice: some of these are told of when the process goes, and some may not be.
    const lost = Array.from({ length: 8 }, () => world.chat("silent", { max_tokens: HELD }).catch(() => "gone"));
    await world.until(() => upstream.calls, (calls) => calls === 9);
    await world.restart();
    await Promise.all(lost);
    await sweep(world);
    const credits = await world.credits();
    assert.equal(credits.held_usd, "0.000000000");
    const { open, record, settled } = await world.both();
    assert.deepEqual(open, []);
    // At most all of them, and as much again for what may not have been told of.
    assert.ok(settled >= 100_000_000n && settled <= 1_700_000_000n, String(settled));
    const swept = record.filter((e) => e.kind === "settle").map((e) => JSON.parse(e.detail)).filter((d) => d.lines[0].outcome === "orphan");
    assert.ok(swept.length > 0 && swept.every(({ estimated }) => estimated));
    // The account goes on.
    assert.equal((await world.chat("plain")).status, 200);
    upstream.release();
  }));
