// Limits that isolates count together, by the objects.

import assert from "node:assert/strict";
import { it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Upstream } from "./upstream.mjs";
import { World, config } from "./world.mjs";

const both = (n) => Array.from({ length: n }, (_, at) => (at % 2 ? "second" : "first"));

async function within(accounts, options, work) {
  const upstream = await Upstream.start();
  const world = await World.start({ toml: config(upstream, { accounts }), twin: true, ...options });
  try {
    await Promise.all(["first", "second"].map((at) => world.fetch("/health", { at })));
    await work(world, upstream);
  } finally {
    await world.stop();
    await upstream.stop();
  }
}

it("of thirty requests at two isolates the ten that an hour has are let in", async () => {
  await within("[accounts.alice.limits]\nrequests_per_hour = 10\n[accounts.bob]\n", {}, async (world, upstream) => {
    const answers = await Promise.all(both(30).map((at) => world.chat("plain", { at })));
    const count = (status) => answers.filter((answer) => answer.status === status).length;
    assert.deepEqual([count(200), count(429)], [10, 20], answers.map((a) => a.status).join());
    assert.equal(upstream.calls, 10);
    const refused = answers.find((answer) => answer.status === 429);
    assert.equal(refused.headers.get("x-limit-limit"), "10");
    assert.equal(refused.headers.get("x-limit-remaining"), "0");
    const wait = Number(refused.headers.get("retry-after"));
    assert.ok(wait > 350 && wait <= 360, `an hour's tenth: ${wait}`);
    // It is kept: a second later at most it is on disk.
    await pause(1_100);
    assert.equal((await world.chat("plain")).status, 429);
    await world.restart();
    assert.equal((await world.chat("plain", { at: "second" })).status, 429);
    assert.equal((await world.chat("plain", { as: "bob" })).status, 200);
  });
});

it("one at a time is one at all isolates, until it has ended or its client has left", async () => {
  await within("[accounts.alice.limits]\nconcurrent = 1\n", {}, async (world) => {
    const leaving = new AbortController();
    const slow = await world.chat("long", { at: "first", stream: true, signal: leaving.signal });
    assert.equal(slow.status, 200);
    assert.equal((await world.chat("plain", { at: "second" })).status, 429);
    leaving.abort();
    const status = (at) => async () => (await world.chat("plain", { at })).status;
    for (const at of ["second", "first"]) await world.until(status(at), (status) => status === 200);
  });
});

it("what a plan's accounts share they share at all isolates, and who is refused by it has taken nothing of his own", async () => {
  const accounts = `
[accounts.alice]
plan = "tight"
[accounts.bob]
plan = "tight"
[plans.tight.limits]
requests_per_hour = 3
[plans.tight.shared_limits]
requests_per_hour = 4
`;
  await within(accounts, {}, async (world) => {
    const asked = [];
    for (const [as, at] of [["alice", "first"], ["alice", "second"], ["bob", "first"], ["bob", "second"], ["bob", "first"], ["alice", "second"]]) {
      const answer = await world.chat("plain", { as, at });
      asked.push([answer.status, answer.headers.get("x-limit-limit"), answer.headers.get("x-limit-remaining")]);
    }
    assert.deepEqual(asked.map(([status]) => status), [200, 200, 200, 200, 429, 429]);
    assert.deepEqual(asked[0], [200, "3", "2"], "the nearest to exhaustion is told");
    assert.deepEqual(asked[4].slice(1), ["4", "0"]);
  });
});
