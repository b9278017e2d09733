//! Real processes of the real binary: started on a free port, watched, and ended with the test that started them.

use crate::net::{Conn, Reply, request, until};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const BINARY: &str = env!("CARGO_BIN_EXE_weir");
/// Debug builds on a busy machine start slowly.
const START: Duration = Duration::from_secs(30);

/// A directory of the test's own, gone with it.
#[derive(Debug)]
pub struct Dir(pub PathBuf);

impl Dir {
    pub fn new() -> Arc<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("gateway-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Arc::new(Self(path))
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// A started program with everything it said on stderr.
pub struct Process {
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Process {
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let said = Arc::new(Mutex::new(String::new()));
        let (heard, stderr) = (said.clone(), child.stderr.take().unwrap());
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stderr);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                heard.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        Self { child, said }
    }

    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The address after `before` in what it says.
    pub fn address(&mut self, before: &str) -> SocketAddr {
        until(START, before, || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("it ended at once, {status}: {}", self.said());
            }
            let said = self.said();
            let rest = &said[said.find(before)? + before.len()..];
            rest.split(|c: char| c != '.' && c != ':' && !c.is_ascii_digit()).next()?.parse().ok()
        })
    }

    pub fn signal(&self, name: &str) {
        let done = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status();
        assert!(done.is_ok_and(|s| s.success()), "kill -{name} {}", self.id());
    }

    pub fn ends(&mut self, within: Duration) -> ExitStatus {
        until(within, "the process ends", || self.child.try_wait().unwrap())
    }

    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    pub fn is_alive(&mut self) -> bool {
        self.ended().is_none()
    }

    /// SIGKILL: as if the power went out.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Kilobytes of `VmRSS` or `VmHWM` and the like.
    pub fn memory(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix(field)?.strip_prefix(':')).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let said = self.said();
        if std::thread::panicking() {
            eprintln!("--- stderr of {} ---\n{said}", self.id());
        } else {
            assert!(!said.contains("panicked"), "{said}");
        }
    }
}

/// How a weir is to be started.
pub struct Setup {
    pub dir: Arc<Dir>,
    config: Option<PathBuf>,
    variables: Vec<(String, String)>,
    arguments: Vec<String>,
}

impl Setup {
    pub fn new() -> Self {
        Self { dir: Dir::new(), config: None, variables: vec![], arguments: vec![] }
    }

    pub fn config(mut self, text: &str) -> Self {
        self.config = Some(self.dir.write("weir-test.toml", text));
        self
    }

    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    pub fn argument(mut self, text: &str) -> Self {
        self.arguments.push(text.into());
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(BINARY);
        command.env_clear().current_dir(&self.dir.0);
        // No model server of this machine is to be found: these ports of loopback are taken by nobody.
        for name in ["OLLAMA_BASE_URL", "LLAMACPP_BASE_URL", "VLLM_BASE_URL"] {
            command.env(name, "http://127.0.0.1:1/v1");
        }
        command.envs(self.variables.iter().map(|(n, v)| (n, v)));
        command
    }

    pub fn data(&self) -> PathBuf {
        self.dir.0.join("books.db")
    }

    /// Starts it and waits until it is ready. The same setup can be started again: on the same books.
    pub fn start(&self) -> Weir {
        let mut command = self.command();
        command.arg("serve").args(["--listen", "127.0.0.1:0", "--cores", "2", "--data"]).arg(self.data());
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        command.args(&self.arguments);
        let mut process = Process::start(command);
        let address = process.address("weir listens on http://");
        let weir = Weir { process, address, _dir: self.dir.clone() };
        until(START, "weir is ready", || (weir.get("/ready").status == 200).then_some(()));
        weir
    }

    /// Runs another of its commands to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// `weir ledger verify --json` of its books: entries by account, all of them well.
    pub fn verified(&self) -> Vec<Value> {
        let data = self.data();
        let out = self.run(&["ledger", "verify", "--json", "--data", data.to_str().unwrap()]);
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(out.status.success(), "{text}{}", String::from_utf8_lossy(&out.stderr));
        text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    }
}

/// A weir that serves.
pub struct Weir {
    pub process: Process,
    pub address: SocketAddr,
    _dir: Arc<Dir>,
}

impl Weir {
    /// With nothing configured: the built-in lab answers.
    pub fn alone() -> Self {
        Setup::new().start()
    }

    pub fn open(&self) -> Conn {
        Conn::open(self.address)
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        self.open().ask(&request(method, path, headers, body.as_bytes()))
    }

    pub fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], "")
    }

    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.ask("POST", path, &[], &body.to_string())
    }
}

/// `weir lab` with a scenario.
pub struct Lab {
    _process: Process,
    pub address: SocketAddr,
    _dir: Arc<Dir>,
}

impl Lab {
    pub fn start(scenario: &str) -> Self {
        let dir = Dir::new();
        let file = dir.write("scenario.toml", scenario);
        let mut command = Command::new(BINARY);
        command.env_clear().current_dir(&dir.0).arg("lab").arg(file).args(["--listen", "127.0.0.1:0"]);
        let mut process = Process::start(command);
        let address = process.address("the lab listens on http://");
        Self { _process: process, address, _dir: dir }
    }
}
