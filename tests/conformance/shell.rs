//! The two shells: the native binary over sockets, and the Worker in workerd behind the gateway of `examples/gateway`.

use crate::net::{Conn, Reply, request, until};
use crate::process::{Dir, Process, Setup, Weir};
use crate::world::{SECRET, World, key};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Which of the two; what differs between them on purpose asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Native,
    Worker,
}

pub struct Shell {
    pub kind: Kind,
    address: SocketAddr,
    running: Running,
}

enum Running {
    Native { _weir: Weir, _setup: Setup },
    Worker { process: Process, _dir: Arc<Dir> },
}

impl Shell {
    pub fn native(world: &World) -> Self {
        let file = world.dir.write("catalogue.json", &world.catalogue);
        let mut setup = Setup::new().config(&format!("catalogue = {file:?}\n{}", world.config));
        for (name, value) in World::variables() {
            setup = setup.variable(name, &value);
        }
        let weir = setup.start();
        Self {
            kind: Kind::Native,
            address: weir.address,
            running: Running::Native { _weir: weir, _setup: setup },
        }
    }

    /// None, with the reason, where this machine cannot run it.
    pub fn worker(world: &World) -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let bundle = bundle(root)?;
        for (needed, how) in [
            ("examples/gateway/node_modules/miniflare", "npm ci in examples/gateway"),
            ("examples/gateway/build/gateway.mjs", "npm run build in examples/gateway"),
        ] {
            if !root.join(needed).exists() {
                return Err(format!("{needed} is not there: {how}"));
            }
        }
        world.dir.write("wrangler.json", &wrangler(root)?);
        world.dir.write("weir.toml", &world.config);
        world.dir.write("catalogue.json", &world.catalogue);
        world.dir.write("callers.json", &world.callers);
        let variables: serde_json::Map<String, serde_json::Value> =
            World::variables().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        world.dir.write("variables.json", &serde_json::Value::from(variables).to_string());
        let mut command = Command::new("node");
        command.arg(root.join("tests/conformance/worker.mjs")).arg(&world.dir.0).arg(bundle);
        let mut process = Process::start(command);
        let address = process.address("the gateway listens on http://");
        Ok(Self {
            kind: Kind::Worker,
            address,
            running: Running::Worker { process, _dir: world.dir.clone() },
        })
    }

    pub fn open(&self) -> Conn {
        Conn::open(self.address)
    }

    /// The credential of an account: a key that the gateway turns into a context token, or the token itself.
    pub fn credential(&self, caller: &str) -> Option<(&'static str, String)> {
        match (caller, self.kind) {
            ("nobody", _) => None,
            (_, Kind::Worker) => Some(("authorization", format!("Bearer {}", key(caller)))),
            ("mallory", Kind::Native) => Some(("authorization", "Bearer wk_mallory".into())),
            (_, Kind::Native) => Some(("x-weir-context", token(caller, SECRET))),
        }
    }

    pub fn request(
        &self,
        caller: &str,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: &str,
    ) -> Vec<u8> {
        let credential = self.credential(caller);
        let mut all: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        all.extend(credential.as_ref().map(|(n, v)| (*n, v.as_str())));
        request(method, path, &all, body.as_bytes())
    }

    pub fn get(&self, caller: &str, path: &str) -> Reply {
        self.open().ask(&self.request(caller, "GET", path, &[], ""))
    }
}

impl Drop for Shell {
    /// Asked to end, it ends its runtime too; killed, it could not.
    fn drop(&mut self) {
        if let Running::Worker { process, .. } = &mut self.running
            && process.is_alive()
        {
            process.signal("TERM");
            let _ = until(Duration::from_secs(20), "the runtime ends", || process.ended());
        }
    }
}

/// As the gateway would sign it, with none of its code and none of weir's.
pub fn token(tenant: &str, secret: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = serde_json::json!({
        "iss": "gateway", "aud": "weir", "iat": now, "exp": now + 60, "tenant": tenant, "user": "u1", "plan": "test",
    });
    let part = |text: String| URL_SAFE_NO_PAD.encode(text);
    let signed = format!("{}.{}", part(r#"{"alg":"HS256","typ":"JWT"}"#.into()), part(claims.to_string()));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// What the Worker is bound to, as JSON. Its environments give other names to the same bindings.
fn wrangler(root: &Path) -> Result<String, String> {
    let named = std::env::var_os("WEIR_WRANGLER").map(PathBuf::from);
    let path = named.unwrap_or_else(|| root.join("wrangler.toml"));
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let table: toml::Table = toml::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    serde_json::to_string(&table).map_err(|e| format!("{}: {e}", path.display()))
}

/// The Worker as it was built: `WEIR_BUNDLE`, or where `worker-build` puts it.
fn bundle(root: &Path) -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os("WEIR_BUNDLE") {
        let path = PathBuf::from(named);
        return if path.exists() {
            Ok(path)
        } else {
            Err(format!("WEIR_BUNDLE: {} is not there", path.display()))
        };
    }
    let places =
        ["build/index.js", "build/worker/shim.mjs", "edge/build/index.js", "edge/build/worker/shim.mjs"];
    places.iter().map(|place| root.join(place)).find(|path| path.exists()).ok_or_else(|| {
        format!("the Worker was not built: none of {} is there; or set WEIR_BUNDLE", places.join(", "))
    })
}
