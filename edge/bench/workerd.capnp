# The Worker alone in workerd, for measuring: `workerd serve edge/bench/workerd.capnp --directory-path do=DIR --experimental`.
# `edge/bench/run.sh` does so. It asks a provider on port 9100 and keeps its books on disk, as in production; nothing is
# copied to KV.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "weir", worker = .weir),
    (name = "do", disk = (writable = true)),
    (name = "provider", external = (address = "127.0.0.1:9100", http = ())),
  ],
  sockets = [(name = "http", address = "127.0.0.1:9222", http = (), service = "weir")],
);

const weir :Workerd.Worker = (
  modules = [
    (name = "index.js", esModule = embed "../../build/index.js"),
    (name = "core.js", esModule = embed "../../build/core.js"),
    (name = "index_bg.wasm", wasm = embed "../../build/index_bg.wasm"),
  ],
  compatibilityDate = "2026-04-01",
  globalOutbound = "provider",
  durableObjectNamespaces = [(className = "Account", uniqueKey = "weir-account", enableSql = true)],
  durableObjectStorage = (localDisk = "do"),
  bindings = [
    (name = "ACCOUNT", durableObjectNamespace = "Account"),
    (name = "WEIR_LOCAL", text = "true"),
    (name = "OPENAI_API_KEY", text = "sk-bench"),
    (name = "OPENAI_BASE_URL", text = "http://127.0.0.1:9100/v1"),
  ],
);
