import assert from "node:assert/strict";
import { after, before, beforeEach, it } from "node:test";
import { world } from "./world.mjs";

let gateway;
let cache;
before(async () => {
  gateway = await world();
  cache = await gateway.cache();
});
after(() => gateway.end());
beforeEach(async () => {
  for (const { name } of (await cache.list()).keys) await cache.delete(name);
});

const read = async (init) => {
  const answer = await gateway.alice("/v1/models", init);
  return { from: answer.headers.get("x-gateway-cache"), body: await answer.json(), headers: answer.headers };
};

/** Kept after the answer has left, so it is looked for until it is there. */
async function kept() {
  for (let turn = 0; turn < 200; turn += 1) {
    const entry = await cache.get("gateway:/v1/models", "json");
    if (entry) return entry;
    await new Promise((done) => setTimeout(done, 10));
  }
  throw new Error("nothing was kept");
}

it("the catalogue is read once and then from the cache", async () => {
  const first = await read();
  assert.equal(first.from, "miss");
  await kept();
  const second = await read({ headers: { "x-request-id": "req-9" } });
  assert.equal(second.from, "hit");
  assert.deepEqual(second.body, first.body);
  assert.equal(second.headers.get("x-request-id"), "req-9", "the id is this request's own");
  assert.equal(second.headers.get("cache-control"), "no-store");
});

it("an entry is used for five minutes", async () => {
  await read();
  const entry = await kept();
  await cache.put("gateway:/v1/models", JSON.stringify({ ...entry, at: Date.now() - 299_000 }));
  assert.equal((await read()).from, "hit");
  await cache.put("gateway:/v1/models", JSON.stringify({ ...entry, at: Date.now() - 300_000 }));
  assert.equal((await read()).from, "miss");
  const listed = (await cache.list()).keys.find((key) => key.name === "gateway:/v1/models");
  assert.ok(listed);
});

it("a change of the configuration ends it at once", async () => {
  await read();
  await kept();
  assert.equal((await read()).from, "hit");
  await cache.put("version", "2");
  const changed = await read();
  assert.equal(changed.from, "miss");
  for (let turn = 0; (await kept()).revision !== "2"; turn += 1) {
    assert.ok(turn < 200, "the new one is kept");
    await new Promise((done) => setTimeout(done, 10));
  }
  assert.equal((await read()).from, "hit");
});

it("whoever asks in other words is told in theirs", async () => {
  await read();
  await kept();
  for (const name of ["anthropic-version", "x-goog-api-client"]) {
    assert.equal((await read({ headers: { [name]: "1" } })).from, "miss", name);
  }
  assert.equal((await read()).from, "hit");
});

it("nobody is served from it who is not known", async () => {
  await read();
  await kept();
  assert.equal((await gateway.ask("/v1/models")).status, 401);
});

it("what is narrowed, refused, or not to be kept is asked anew", async () => {
  await read();
  await kept();
  assert.equal((await gateway.alice("/v1/models?x=1")).headers.get("x-gateway-cache"), null);
  assert.equal((await read({ headers: { "cache-control": "no-cache" } })).from, null);
  const missing = await gateway.alice("/v1/models/none");
  assert.equal(missing.status, 404);
  assert.equal(await cache.get("gateway:/v1/models/none"), null);
  assert.equal((await gateway.alice("/api/credits")).headers.get("x-gateway-cache"), null, "money is never cached");
  assert.equal((await gateway.alice("/v1/models", { method: "POST", body: "{}" })).headers.get("x-gateway-cache"), null);
});

it("a cache that is broken is no outage", async () => {
  await cache.put("gateway:/v1/models", "not json");
  assert.equal((await read()).body.object, "list");
  const without = await world({ kvNamespaces: [] });
  try {
    assert.equal((await without.alice("/v1/models")).status, 200);
  } finally {
    await without.end();
  }
});
