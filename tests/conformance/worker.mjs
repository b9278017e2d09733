// Runs weir as a Worker in workerd, behind the gateway of examples/gateway, for the conformance suite:
//
//   node tests/conformance/worker.mjs WORLD BUNDLE
//
// WORLD is a directory with weir.toml, catalogue.json, callers.json, variables.json, and wrangler.json, which is the
// project's wrangler.toml; BUNDLE is the module that worker-build made. Every binding is local. Says the gateway's address
// and runs until it is ended.

import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const gateway = join(root, "examples/gateway");
const { Miniflare, Log, LogLevel } = createRequire(join(gateway, "package.json"))("miniflare");

const [world, bundle] = process.argv.slice(2);
if (!world || !bundle) {
  console.error("usage: node worker.mjs WORLD BUNDLE");
  process.exit(2);
}
const read = (name) => readFileSync(join(world, name), "utf8");
const variables = JSON.parse(read("variables.json"));
const bound = JSON.parse(read("wrangler.json"));
const local = (bindings = []) => Object.fromEntries(bindings.map(({ binding }) => [binding, `weir-${binding.toLowerCase().replaceAll("_", "-")}`]));

const miniflare = new Miniflare({
  log: new Log(LogLevel.WARN),
  workers: [
    {
      name: "gateway",
      modules: true,
      script: readFileSync(join(gateway, "build/gateway.mjs"), "utf8"),
      compatibilityDate: "2026-04-01",
      compatibilityFlags: ["enable_request_signal"],
      serviceBindings: { WEIR: "weir" },
      // Shared with weir, as it is where both are deployed.
      kvNamespaces: local([{ binding: "GLOBAL_CACHE" }]),
      bindings: {
        WEIR_CONTEXT_SECRET: variables.WEIR_CONTEXT_SECRET,
        ALLOWED_ORIGINS: "https://app.example.com",
        DEMO_CALLERS: read("callers.json"),
      },
    },
    {
      name: "weir",
      modulesRoot: dirname(bundle),
      modules: modules(bundle),
      compatibilityDate: bound.compatibility_date,
      compatibilityFlags: bound.compatibility_flags ?? [],
      kvNamespaces: local(bound.kv_namespaces),
      r2Buckets: local(bound.r2_buckets),
      durableObjects: Object.fromEntries(
        bound.durable_objects.bindings.map(({ name, class_name }) => [name, { className: class_name, useSQLite: true }]),
      ),
      bindings: { ...variables, WEIR_CONFIG: read("weir.toml") },
    },
  ],
});

const cache = await miniflare.getKVNamespace("GLOBAL_CACHE", "weir");
await cache.put("catalogue.json", read("catalogue.json"));

// The first request makes ready what every other one uses; until then nobody is told an address.
const { origin } = await miniflare.ready;
const ready = await miniflare.dispatchFetch(`${origin}/openapi.json`, { headers: { authorization: "Bearer nobody" } });
await ready.arrayBuffer();
console.error(`the gateway listens on ${origin}`);

const end = () => miniflare.dispose().finally(() => process.exit(0));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, end);

// The runtime is a process of its own, and would outlive a suite that was killed.
const parent = process.ppid;
setInterval(() => process.ppid !== parent && end(), 500);

/** The bundle's own files, the entry first. */
function modules(entry) {
  const folder = dirname(entry);
  const kinds = { ".js": "ESModule", ".mjs": "ESModule", ".wasm": "CompiledWasm" };
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile() && Object.keys(kinds).some((end) => file.name.endsWith(end)))
    .map((file) => join(file.parentPath ?? file.path, file.name))
    .filter((path) => !relative(folder, path).includes("node_modules"));
  const rest = files.filter((path) => path !== entry).sort();
  return [entry, ...rest].map((path) => ({ type: kinds[/\.[a-z]+$/.exec(basename(path))[0]], path }));
}
