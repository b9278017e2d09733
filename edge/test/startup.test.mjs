// How long the Worker takes to be there. Nothing is computed when its module is loaded: configuration and catalogue are read
// with the first request.
//
// Counted is processor time, which other work on the machine does not add to: what workerd's own thread has used when it
// listens, and again when the first request was answered, beyond what it uses for a Worker of one line.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { it } from "node:test";
import { BUILD } from "./world.mjs";

/** The most that a start may take, in milliseconds. */
const LONGEST = 50;
const TRIES = 5;

const workerd = createRequire(createRequire(import.meta.url).resolve("miniflare"))("workerd").default;
const linux = existsSync("/proc/self/task");

const configuration = (modules, more) => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "w", worker = .w), (name = "do", disk = (writable = true))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "w")],
);
const w :Workerd.Worker = (
  modules = [${modules.map(([name, kind]) => `(name = "${name}", ${kind} = embed "${name}")`)}],
  compatibilityDate = "2026-04-01",
  ${more}
);
`;

/** Milliseconds of workerd's first thread until it listens, and until it has answered once. */
const start = async (place) => {
  const child = spawn(workerd, ["serve", "config.capnp", "--directory-path", `do=${place}`, "--experimental", "--control-fd=3"], {
    cwd: place,
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  const used = () => Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/schedstat`, "utf8").split(" ")[0]) / 1e6;
  try {
    for await (const line of createInterface({ input: child.stdio[3] })) {
      const { event, port } = JSON.parse(line);
      if (event !== "listen") continue;
      const listening = used();
      assert.equal((await fetch(`http://127.0.0.1:${port}/health`)).status, 200);
      return { listening, answered: used() };
    }
    throw new Error("workerd did not start");
  } finally {
    child.kill("SIGKILL");
  }
};

/** The least of several: what is more is noise. */
const least = async (fill, modules, more) => {
  const place = mkdtempSync(join(tmpdir(), "weir-start-"));
  try {
    fill(place);
    writeFileSync(join(place, "config.capnp"), configuration(modules, more));
    const all = [];
    for (let at = 0; at < TRIES; at += 1) all.push(await start(place));
    return {
      listening: Math.min(...all.map(({ listening }) => listening)),
      answered: Math.min(...all.map(({ answered }) => answered)),
    };
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
};

it("the Worker is there within fifty milliseconds", { skip: linux ? false : "reads /proc" }, async (t) => {
  const line = 'export default { fetch: () => new Response("well") };';
  const plain = await least((place) => writeFileSync(join(place, "w.js"), line), [["w.js", "esModule"]], "");
  const files = [["index.js", "esModule"], ["core.js", "esModule"], ["index_bg.wasm", "wasm"]];
  const weir = await least(
    (place) => files.forEach(([name]) => copyFileSync(join(BUILD, name), join(place, name))),
    files,
    `durableObjectNamespaces = [(className = "Account", uniqueKey = "a", enableSql = true)],
     durableObjectStorage = (localDisk = "do"),
     bindings = [(name = "ACCOUNT", durableObjectNamespace = "Account"), (name = "WEIR_LOCAL", text = "true"),
       (name = "OPENAI_API_KEY", text = "sk")],`,
  );
  const started = weir.listening - plain.listening;
  const first = weir.answered - plain.answered - started;
  t.diagnostic(`start-up ${started.toFixed(1)} ms; with the first request, which reads configuration and catalogue, ${first.toFixed(1)} ms more`);
  assert.ok(started < LONGEST, `${started} ms`);
});
