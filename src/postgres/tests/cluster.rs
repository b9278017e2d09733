//! A PostgreSQL of the tests' own: in a directory under the system's, on a free port, without its safety on disk, and gone with
//! the last test that uses it, however that ends.
#![allow(dead_code, reason = "each suite uses some of it")]

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// `required`: without PostgreSQL tests fail. Else they say that they did not run.
const VARIABLE: &str = "WEIR_TEST_POSTGRES";

/// Keeps the server alive as long as the pipe to it is open, and lets it go as it is told: a signal's name on a line.
const KEEPER: &str = "\"$@\" & pid=$!; read -r how || how=QUIT; kill -${how:-QUIT} $pid; wait $pid";

pub struct Cluster {
    dir: PathBuf,
    programs: PathBuf,
    pub port: u16,
    keeper: Mutex<Option<Child>>,
}

/// The cluster that tests of this process share. None where there is no PostgreSQL on this machine, which is said.
pub fn shared() -> Option<Arc<Cluster>> {
    static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(cluster) = shared.upgrade() {
        return Some(cluster);
    }
    let cluster = Arc::new(Cluster::make(&[])?);
    *shared = Arc::downgrade(&cluster);
    Some(cluster)
}

/// Where the server's programs are: where the path leads to, else where Debian puts them, the newest.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).find_map(|dir| {
        let bin = dir.join("initdb").canonicalize().ok()?.parent()?.to_owned();
        (bin.join("postgres").is_file() && bin.join("psql").is_file()).then_some(bin)
    });
    on_path.or_else(|| {
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
        let mut found: Vec<(u32, PathBuf)> = versions
            .flatten()
            .filter_map(|at| Some((at.file_name().to_str()?.parse().ok()?, at.path().join("bin"))))
            .filter(|(_, bin)| bin.join("initdb").is_file())
            .collect();
        found.sort();
        Some(found.pop()?.1)
    })
}

impl Cluster {
    /// One for a test alone. `settings` are the server's own, `name=value`.
    pub fn make(settings: &[&str]) -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(
                std::env::var(VARIABLE).as_deref() != Ok("required"),
                "{VARIABLE}=required, and there is no PostgreSQL here (apt-get install postgresql)"
            );
            eprintln!("there is no PostgreSQL here: this test did NOT run (apt-get install postgresql)");
            return None;
        };
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("weir-pg-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir(&dir).unwrap();
        // A server does not run as root.
        let made = if root() {
            Command::new("chown").arg("postgres").arg(&dir).status().unwrap().success()
        } else {
            true
        };
        assert!(made, "a user postgres is needed where tests run as root");
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let cluster = Self { dir, programs, port, keeper: Mutex::new(None) };
        let mut init = cluster.command("initdb");
        init.args(["-A", "trust", "-U", "weir", "--no-sync", "-E", "UTF8", "--locale=C", "-D"])
            .arg(cluster.data());
        let made = init.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut file = File::options().append(true).open(cluster.data().join("postgresql.conf")).unwrap();
        let common =
            ["fsync = off", "full_page_writes = off", "max_connections = 300", "log_min_messages = warning"];
        for setting in common.iter().chain(settings) {
            writeln!(file, "{setting}").unwrap();
        }
        drop(file);
        cluster.start();
        Some(cluster)
    }

    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// One of the server's programs, as whoever may run it.
    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = if root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(&self.dir).env("LC_ALL", "C");
        command
    }

    fn keeper(&self) -> MutexGuard<'_, Option<Child>> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the server, and returns when it takes connections.
    pub fn start(&self) {
        let server = self.command("postgres");
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "sh"]).arg(server.get_program()).args(server.get_args());
        command.arg("-D").arg(self.data()).arg("-k").arg(&self.dir);
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        let log = File::options().create(true).append(true).open(self.dir.join("log")).unwrap();
        command.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log).current_dir(&self.dir);
        // A signal for the test's terminal is none for the server.
        command.process_group(0);
        *self.keeper() = Some(command.spawn().unwrap());
        for _ in 0..600 {
            if self.psql("postgres", "SELECT 1").is_ok() {
                return;
            }
            wait_a_moment();
        }
        let mut said = String::new();
        let _ = File::open(self.dir.join("log")).and_then(|mut log| log.read_to_string(&mut said));
        panic!("PostgreSQL does not start: {said}");
    }

    /// Stops the server: `INT` as it is shut down, `QUIT` as if its power went out.
    pub fn stop(&self, signal: &str) {
        let Some(mut keeper) = self.keeper().take() else { return };
        if let Some(mut pipe) = keeper.stdin.take() {
            let _ = writeln!(pipe, "{signal}");
        }
        let _ = keeper.wait();
    }

    /// Runs SQL in a database, and says what `psql` says.
    pub fn psql(&self, database: &str, sql: &str) -> Result<String, String> {
        let mut command = Command::new(self.programs.join("psql"));
        command.args([
            "-X",
            "-q",
            "-t",
            "-A",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "weir",
            "-p",
            &self.port.to_string(),
        ]);
        let done = command.arg("-h").arg(&self.dir).args(["-d", database, "-c", sql]).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if done.status.success() { Ok(text(&done.stdout)) } else { Err(text(&done.stderr)) }
    }

    /// A new database.
    pub fn database(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("books_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.psql("postgres", &format!("CREATE DATABASE {name}")).unwrap();
        name
    }

    /// Where a database is, over the server's socket.
    pub fn url(&self, database: &str) -> String {
        let dir = self.dir.to_str().unwrap().replace('/', "%2F");
        format!("postgres://weir@{dir}:{}/{database}", self.port)
    }

    /// The same over TCP, by way of another port if need be.
    pub fn url_by(&self, host: &str, port: u16, database: &str) -> String {
        format!("postgres://weir@{host}:{port}/{database}")
    }

    /// Puts a file beside the data that only the server may read.
    pub fn lay(&self, name: &str, content: &[u8]) -> PathBuf {
        let path: &Path = &self.dir.join(name);
        std::fs::write(path, content).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
        if root() {
            assert!(Command::new("chown").arg("postgres").arg(path).status().unwrap().success());
        }
        path.into()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop("QUIT");
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self")
        .map_or_else(|_| std::env::var("USER").as_deref() == Ok("root"), |me| me.uid() == 0)
}

#[allow(clippy::disallowed_methods, reason = "another program is waited for")]
pub fn wait_a_moment() {
    std::thread::sleep(std::time::Duration::from_millis(50));
}
