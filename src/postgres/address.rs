//! Where the shared ledger is: a URL as libpq takes it, with all that is secret in it kept to itself.

use super::PostgresError;
use super::tls::Tls;
use std::fmt;
use std::path::PathBuf;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use vocab::Duration;

/// How long a connection may take to be there.
const CONNECT: Duration = Duration::from_secs(2);
/// How long what was sent may stay unconfirmed, and how long nothing may be heard before the other side is asked.
const UNCONFIRMED: Duration = Duration::from_secs(10);
const SILENT: Duration = Duration::from_secs(15);

/// Where it is and how it is spoken to. Shown, it says server and database alone.
#[derive(Clone)]
pub struct Address {
    pub(super) config: Config,
    pub(super) tls: Tls,
}

impl Address {
    /// Reads `postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=FILE`.
    ///
    /// # Errors
    /// Says what is wrong and never repeats the text, as there is a password in it.
    pub fn parse(url: &str) -> Result<Self, PostgresError> {
        let bad =
            |why: String| PostgresError::Address(format!("the address of PostgreSQL cannot be used: {why}"));
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(bad("expected postgres://USER:PASSWORD@HOST:PORT/DATABASE".into()));
        }
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let mut mode = None;
        let mut roots = None;
        let mut rest = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => roots = Some(PathBuf::from(plain(value))),
                _ => rest.push(pair),
            }
        }
        let mut config: Config = format!("{place}?{}", rest.join("&"))
            .parse()
            .map_err(|error| bad(PostgresError::from(error).why()))?;
        let checked = match mode {
            None | Some("prefer") => false,
            Some("disable") => {
                config.ssl_mode(SslMode::Disable);
                false
            }
            Some("require") => {
                config.ssl_mode(SslMode::Require);
                // As libpq has it: whoever names whom to trust wants to know whom he speaks to.
                roots.is_some()
            }
            Some("verify-ca" | "verify-full") => {
                config.ssl_mode(SslMode::Require);
                true
            }
            Some(_) => {
                return Err(bad("sslmode is disable, prefer, require, verify-ca or verify-full".into()));
            }
        };
        if config.get_hosts().is_empty() {
            return Err(bad("it names no server".into()));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_application_name().is_none() {
            config.application_name("weir");
        }
        config.keepalives_idle(SILENT).tcp_user_timeout(UNCONFIRMED);
        let tls = Tls::new(checked, roots.as_deref()).map_err(bad)?;
        Ok(Self { config, tls })
    }
}

impl PostgresError {
    /// Without the words before it.
    fn why(self) -> String {
        match self {
            Self::Unreachable(why) => why,
            other => other.to_string(),
        }
    }
}

/// `%2F` and the like as what they stand for.
fn plain(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match code.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            Some(Host::Unix(path)) => path.display().to_string(),
            None => String::new(),
        };
        write!(f, "{host}/{}", self.config.get_dbname().or(self.config.get_user()).unwrap_or_default())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_shows_no_secret() {
        let address = Address::parse(
            "postgres://weir:hunter2@db.example:5433/books?sslmode=require&application_name=x",
        )
        .unwrap();
        assert_eq!(address.to_string(), "db.example/books");
        assert!(!format!("{address:?} {address}").contains("hunter2"));
        assert_eq!(address.config.get_ssl_mode(), SslMode::Require);
        assert_eq!(address.config.get_application_name(), Some("x"));
        assert_eq!(address.config.get_ports(), [5433]);
    }

    #[test]
    fn a_socket_is_an_address_too() {
        let address = Address::parse("postgresql://postgres@%2Ftmp%2Fpg/books").unwrap();
        assert_eq!(address.to_string(), "/tmp/pg/books");
    }

    #[test]
    fn what_is_wrong_with_one_is_said_without_it() {
        for (url, why) in [
            ("hunter2", "expected postgres://"),
            ("mysql://u:hunter2@h/d", "expected postgres://"),
            ("postgres://u:hunter2@h/d?sslmode=maybe", "sslmode is"),
            ("postgres://u:hunter2@h/d?colour=red", "colour"),
            ("postgres://u:hunter2@h:port/d", "port"),
            ("postgres:///d?user=hunter2", "names no server"),
            ("postgres://u:hunter2@h/d?sslmode=verify-full&sslrootcert=/nowhere.pem", "/nowhere.pem"),
        ] {
            let told = Address::parse(url).unwrap_err().to_string();
            assert!(told.contains(why), "{url}: {told}");
            assert!(!told.contains("hunter2") || url == "hunter2", "{told}");
        }
        assert!(!Address::parse("hunter2").unwrap_err().to_string().contains("hunter2"));
    }
}
