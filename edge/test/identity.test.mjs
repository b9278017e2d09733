// Keys that are made while weir runs, and RS256 tokens, by the runtime's own cryptography.

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { it } from "node:test";
import { Upstream } from "./upstream.mjs";
import { World, config } from "./world.mjs";

async function within({ service = "", bindings = {}, twin = false }, work) {
  const upstream = await Upstream.start();
  const toml = config(upstream, { accounts: "[accounts.alice]\n[accounts.carol]\n", service });
  const world = await World.start({ toml, bindings, twin });
  try {
    await work(world);
  } finally {
    await world.stop();
    await upstream.stop();
  }
}

const carrying = (key) => ({ as: "nobody", headers: { authorization: `Bearer ${key}` } });

it("a key is shown once, opens at every isolate, is rotated, disabled and removed", async () => {
  await within({ twin: true }, async (world) => {
    const admin = (path, more) => world.json(path, { as: "admin", ...more });
    const made = await admin("/api/admin/keys", { body: { account: "carol", name: "Ω 🔑" } });
    assert.match(made.key, /^wk_/, JSON.stringify(made));
    const ask = async (key, at = "first") => (await world.chat("plain", { at, ...carrying(key) })).status;
    for (const at of ["first", "second"]) assert.equal(await ask(made.key, at), 200);
    assert.equal((await world.credits("nobody")).status, 401);
    const { keys } = await admin("/api/admin/keys?account=carol");
    assert.deepEqual(keys.map((key) => [key.id, key.name, key.status]), [[made.id, "Ω 🔑", "active"]]);
    assert.ok(keys[0].last_used_at, "when it opened is known");
    assert.doesNotMatch(JSON.stringify(keys), new RegExp(made.key));
    const rotated = await admin(`/api/admin/keys/${made.id}/rotate`, { body: { overlap_s: 3600 } });
    assert.equal(await ask(rotated.key), 200);
    assert.equal(await ask(made.key), 200, "the old one holds on");
    const edited = await admin(`/api/admin/keys/${made.id}`, { method: "PATCH", body: { disabled: true } });
    assert.equal(edited.status, "disabled", JSON.stringify(edited));
    // The isolate that did it knows at once, the other in half a minute.
    for (const key of [made.key, rotated.key]) assert.equal(await ask(key), 401);
    assert.equal(await ask(made.key, "second"), 200);
    await world.restart();
    assert.equal(await ask(rotated.key, "second"), 401, "it is kept");
    assert.equal((await world.fetch(`/api/admin/keys/${made.id}`, { as: "admin", method: "DELETE" })).status, 200);
    assert.equal((await admin(`/api/admin/keys/${made.id}`)).status, 404);
    assert.deepEqual((await admin("/api/admin/keys")).keys, []);
    assert.equal((await world.fetch("/api/admin/keys", { as: "alice" })).status, 401);
  });
});

it("signs tokens that it lets in, publishes their key, and takes nobody else's", async () => {
  const pem = () => generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" });
  const service = `[service.signing]\nkeys = ["SIGNING_A", "SIGNING_B"]\n[service.signing.guest]\nplan = ""\n[service.other]\n`.replace("[service.other]\n", "");
  await within({ service, bindings: { SIGNING_A: pem(), SIGNING_B: pem() } }, async (world) => {
    const { keys } = await world.json("/.well-known/jwks.json", { as: "nobody" });
    assert.equal(keys.length, 2, "both are believed");
    assert.ok(keys.every((key) => key.kty === "RSA" && key.kid && !key.d));
    const made = await world.json("/generate-jwt", { as: "admin", body: { claims: { sub: "ada" } } });
    assert.equal(made.status, 200, JSON.stringify(made));
    const said = await world.json("/verify-jwt", { as: "admin", body: { token: made.token } });
    assert.equal(said.valid, true, JSON.stringify(said));
    const head = JSON.parse(Buffer.from(made.token.split(".")[0], "base64url"));
    assert.deepEqual([head.alg, head.kid], ["RS256", keys[0].kid]);
    const [a, b, c] = made.token.split(".");
    const forged = `${a}.${b}.${c.startsWith("A") ? "B" : "A"}${c.slice(1)}`;
    assert.equal((await world.json("/verify-jwt", { as: "admin", body: { token: forged } })).valid, false);
    assert.equal((await world.chat("plain", carrying(forged))).status, 401);
    const none = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${b}.`;
    assert.equal((await world.chat("plain", carrying(none))).status, 401);
    const guest = await world.json("/auth/guest", { as: "nobody", body: {} });
    assert.equal(guest.status, 200, JSON.stringify(guest));
    const credits = await world.json("/api/credits", carrying(guest.token));
    assert.match(credits.account, /^guest/, JSON.stringify(credits));
  });
});
