// weir in the real runtime: Miniflare runs workerd with the bundle that edge/build.sh made.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createHash } from "node:crypto";
import { Miniflare } from "miniflare";

export const BUILD = process.env.WEIR_BUILD ?? fileURLToPath(new URL("../../build", import.meta.url));
export const ADMIN = "wk_admin";
export const KEYS = { alice: "wk_alice", bob: "wk_bob" };
const digest = (text) => createHash("sha256").update(text).digest("hex");

/** A configuration over a fake provider: one dollar for a million tokens, unless the test says otherwise. */
export const config = (upstream, { accounts = "", bounds = "", service = "", providers = "" } = {}) => `
[providers.fake]
kind = "compatible"
base_url = "${upstream.url}"
models = ["plain", "slow", "long", "stall", "silent", "cut", "down", "redirect"]
${providers}
${accounts}
[bounds]
unpriced_ceiling_usd_per_mtok = "1"
${bounds}
[service]
${service}
${Object.entries(KEYS).map(([account, key]) => `[[service.keys]]\nsha256 = "${digest(key)}"\naccount = "${account}"\n`).join("")}`;

/** KV that can be told to fail, or to keep everybody waiting: the same methods, behind a service. */
const store = {
  name: "store",
  modules: true,
  kvNamespaces: { REAL: "KV_BILLING" },
  script: `
    import { WorkerEntrypoint } from "cloudflare:workers";
    let failing = false, failures = 0, held = false, waiting = 0;
    export class Store extends WorkerEntrypoint {
      async put(name, text) {
        waiting += 1;
        while (held) await new Promise((resolve) => setTimeout(resolve, 20));
        waiting -= 1;
        if (failing) { failures += 1; throw new Error("KV is out of order"); }
        await this.env.REAL.put(name, text);
      }
      get(name) { return this.env.REAL.get(name); }
      list(options) { return this.env.REAL.list(options); }
      delete(name) { return this.env.REAL.delete(name); }
    }
    export default {
      fetch(request) {
        const { pathname } = new URL(request.url);
        if (pathname === "/fail") failing = true;
        if (pathname === "/heal") failing = false;
        if (pathname === "/hold") held = true;
        if (pathname === "/free") held = false;
        return new Response(String(pathname === "/waiting" ? waiting : failures));
      },
    };
  `,
};

/** Who decides which of two isolates is asked. */
const door = {
  name: "door",
  modules: true,
  serviceBindings: { first: "weir", second: "twin" },
  script: "export default { fetch: (request, env) => env[request.headers.get('x-at') ?? 'first'].fetch(request) };",
};

export class World {
  static async start({ toml, bindings = {}, options = {}, beside = [], failing = false, twin = false } = {}) {
    const world = new World();
    world.place = mkdtempSync(join(tmpdir(), "weir-edge-"));
    const weir = {
      name: "weir",
      modulesRoot: BUILD,
      modules: [
        { type: "ESModule", path: join(BUILD, "index.js") },
        { type: "ESModule", path: join(BUILD, "core.js") },
        { type: "CompiledWasm", path: join(BUILD, "index_bg.wasm") },
      ],
      compatibilityDate: "2026-04-01",
      durableObjects: { ACCOUNT: { className: "Account", useSQLite: true } },
      kvNamespaces: { GLOBAL_CACHE: "GLOBAL_CACHE", ...(failing ? {} : { KV_BILLING: "KV_BILLING" }) },
      ...(failing ? { serviceBindings: { KV_BILLING: { name: "store", entrypoint: "Store" } } } : {}),
      bindings: { WEIR_CONFIG: toml, WEIR_ADMIN_KEY: ADMIN, ...bindings },
      ...options,
    };
    const elsewhere = { ACCOUNT: { className: "Account", scriptName: "weir" } };
    const second = { ...weir, name: "twin", durableObjects: elsewhere };
    world.keeper = failing ? "store" : "weir";
    world.isolates = twin ? ["first", "second"] : [undefined];
    world.options = {
      workers: [...(twin ? [door, weir, second] : [weir]), ...(failing ? [store] : []), ...beside],
      durableObjectsPersist: join(world.place, "do"),
      kvPersist: join(world.place, "kv"),
      cachePersist: join(world.place, "cache"),
      unsafeTriggerHandlers: options.unsafeTriggerHandlers,
      handleRuntimeStdio: (out, err) => world.#listen(out, err),
    };
    world.flare = new Miniflare(world.options);
    world.url = await world.flare.ready;
    return world;
  }

  log = "";

  #listen(...streams) {
    for (const stream of streams) stream.on("data", (data) => (this.log += data));
  }

  /** The runtime is ended and comes back with what was on disk, after `meanwhile`. */
  async restart(meanwhile = () => {}) {
    await this.flare.dispose();
    await meanwhile();
    this.flare = new Miniflare(this.options);
    this.url = await this.flare.ready;
  }

  /** The objects lose what they have. */
  forget() {
    return this.restart(() => rmSync(join(this.place, "do"), { recursive: true, force: true }));
  }

  async store(path) {
    const worker = await this.flare.getWorker("store");
    return Number(await (await worker.fetch(`http://store${path}`)).text());
  }

  async stop() {
    await this.flare.dispose();
    rmSync(this.place, { recursive: true, force: true });
  }

  /** Over a real socket, so that a client can hang up. */
  fetch(path, { as = "alice", at, body, method = body === undefined ? "GET" : "POST", headers = {}, ...more } = {}) {
    const key = as === "admin" ? ADMIN : KEYS[as];
    return fetch(new URL(path, this.url), {
      method,
      headers: {
        "content-type": "application/json",
        ...(key ? { authorization: `Bearer ${key}` } : {}),
        ...(at ? { "x-at": at } : {}),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      ...more,
    });
  }

  chat(model, { stream = false, max_tokens = 40, id, headers = {}, ...more } = {}) {
    const body = { model: `fake/${model}`, stream, max_tokens, messages: [{ role: "user", content: "Say hello." }] };
    const all = { ...(id ? { "x-request-id": id } : {}), ...headers };
    return this.fetch("/v1/chat/completions", { body, headers: all, ...more });
  }

  async json(path, more) {
    const response = await this.fetch(path, more);
    return { status: response.status, headers: response.headers, ...(await response.json()) };
  }

  credits(as) {
    return this.json("/api/credits", { as });
  }

  /** Until it is so, or for so long that it never will be, however slow the machine. */
  async until(what, holds, patience = 120_000) {
    const end = Date.now() + patience;
    for (;;) {
      const seen = await what();
      if (holds(seen)) return seen;
      if (Date.now() > end) {
        const text = JSON.stringify(seen) ?? "undefined";
        throw new Error(`it never came true: ${text.length > 2_000 ? `${text.slice(0, 2_000)} … (${text.length})` : text}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  #kv() {
    return this.flare.getKVNamespace(this.keeper === "store" ? "REAL" : "KV_BILLING", this.keeper);
  }

  /** How far the record reaches in KV. */
  async reach(account = "alice") {
    return JSON.parse((await (await this.#kv()).get(`account/${account}`)) ?? "null");
  }

  /** Everything KV holds of an account's record. */
  async kept(account = "alice") {
    const kv = await this.#kv();
    const entries = [];
    let cursor;
    do {
      const page = await kv.list({ prefix: `entry/${account}/`, cursor });
      for (let at = 0; at < page.keys.length; at += 32) {
        const some = page.keys.slice(at, at + 32);
        entries.push(...(await Promise.all(some.map(async ({ name }) => JSON.parse(await kv.get(name))))));
      }
      cursor = page.list_complete ? undefined : page.cursor;
    } while (cursor);
    return { entries, reach: await this.reach(account) };
  }

  /**
   * The record from both sides, each checked by itself, which must be one. An isolate tells what it has done before it
   * asks, and KV hears of it later: so all of them are asked again until there is nothing more to be told.
   */
  async both() {
    const asked = async () => {
      let object;
      for (const at of this.isolates) object = await this.json("/api/billing/verify", { at });
      assert.equal(object.ok, true, JSON.stringify(object));
      return { entries: object.entries, head: object.head, reach: await this.reach() };
    };
    const object = await this.until(asked, ({ entries, reach }) => reach?.seq === entries);
    const { entries, reach } = await this.kept();
    const sum = audit(entries);
    assert.deepEqual([sum.entries, sum.head], [object.entries, object.head]);
    assert.deepEqual(reach, { seq: object.entries, head: object.head });
    return { ...sum, record: entries };
  }
}

const money = (text) => {
  const [whole, places = ""] = text.replace("-", "").split(".");
  const pico = BigInt(whole) * 10n ** 12n + BigInt(places.padEnd(12, "0"));
  return text.startsWith("-") ? -pico : pico;
};

const number = (value, bytes) => {
  const bits = BigInt.asUintN(bytes * 8, BigInt(value));
  return Buffer.from(bits.toString(16).padStart(bytes * 2, "0"), "hex");
};

const text = (value) => Buffer.concat([number(Buffer.byteLength(value), 4), Buffer.from(value)]);

/** Checks a record by the published recipe (docs/ledger-format.md) alone; what it adds up to. */
export const audit = (entries) => {
  let head = "00".repeat(32);
  const open = new Map();
  const sum = { granted: 0n, settled: 0n, held: 0n };
  entries.forEach((entry, at) => {
    const fail = (why) => {
      throw new Error(`entry ${entry.seq}: ${why}`);
    };
    const after = entry.balance_after;
    const canonical = Buffer.concat([
      Buffer.from([1]),
      text(entry.account),
      number(entry.seq, 8),
      number(entry.time, 8),
      text(entry.kind),
      text(entry.op_id),
      ...[entry.amount, after.granted, after.settled, after.held].map((amount) => number(money(amount), 16)),
      text(entry.detail),
    ]);
    const hash = createHash("sha256").update(Buffer.from(head, "hex")).update(canonical).digest("hex");
    if (entry.seq !== at + 1) fail(`${at + 1} should stand here`);
    if (entry.prev_hash !== head || entry.hash !== hash) fail("its hash does not follow");
    head = hash;
    const amount = money(entry.amount);
    const detail = JSON.parse(entry.detail);
    if (entry.kind === "grant") sum.granted += amount;
    if (entry.kind === "hold") {
      if (open.has(entry.op_id)) fail("its hold is open already");
      open.set(entry.op_id, 0n);
    }
    if (entry.kind === "hold" || entry.kind === "extend") {
      open.set(entry.op_id, open.get(entry.op_id) + amount);
      sum.held += amount;
    }
    if (entry.kind === "settle" || entry.kind === "release") {
      const held = open.get(entry.op_id) ?? fail("it has no hold");
      if (held !== money(detail.held)) fail("it gives back something else");
      const lines = detail.lines.reduce((total, line) => total + money(line.amount), 0n);
      if (lines !== amount) fail("its lines do not add up");
      open.delete(entry.op_id);
      sum.held -= held;
      sum.settled += amount;
    }
    for (const name of ["granted", "settled", "held"]) {
      if (money(after[name]) !== sum[name]) fail(`${name} does not follow`);
    }
    if (sum.granted - sum.settled - sum.held < 0n) fail("more was spent than was granted");
  });
  return { entries: entries.length, head, open: [...open.keys()], ...sum };
};
