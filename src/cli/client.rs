//! The commands' way to a running weir; where none runs, to one of their own for the moment.

use super::{Common, Failure, Place};
use crate::net::{Listen, NativeClock, NativeHttp, serve};
use crate::node::{Node, Setup, block_on, random, secret};
use bytes::Bytes;
use clap::Args;
use futures::StreamExt;
use http::{HeaderMap, HeaderValue, Method};
use relay::ports::ByteStream;
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::sync::watch;
use vocab::{Call, Duration};

const CONNECT: Duration = Duration::from_secs(2);

/// A weir to talk to.
pub struct Server {
    origin: String,
    key: Option<String>,
    /// Stops the one of our own.
    own: Option<(watch::Sender<bool>, std::thread::JoinHandle<()>)>,
}

/// Whom the operator tells something.
#[derive(Args)]
pub struct Operated {
    /// Where the weir listens that is told
    #[arg(long, env = "WEIR_LISTEN", default_value = "127.0.0.1:8787", global = true)]
    listen: SocketAddr,
    /// The ledger's file, where none runs
    #[arg(long, env = "WEIR_DATA", default_value = "weir.db", global = true)]
    data: PathBuf,
}

impl Operated {
    pub fn server(self, common: &Common) -> Result<Server, Failure> {
        Server::operator(common, &Place { listen: self.listen, data: self.data, seed: None, cores: None })
    }
}

/// An answer on its way.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: ByteStream,
}

impl Answer {
    pub async fn text(mut self) -> Result<String, Failure> {
        let mut all = Vec::new();
        while let Some(chunk) = self.body.next().await {
            all.extend_from_slice(&chunk?);
        }
        Ok(String::from_utf8_lossy(&all).into_owned())
    }

    /// The body as JSON; an error in it is told as one.
    pub async fn json(self) -> Result<serde_json::Value, Failure> {
        let status = self.status;
        let text = self.text().await?;
        let value: serde_json::Value =
            serde_json::from_str(&text).map_err(|_| Failure::Cannot(format!("answered {status}: {text}")))?;
        if (200..300).contains(&status) { Ok(value) } else { Err(refused(status, &value)) }
    }
}

/// As one value of a query.
pub fn escaped(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).into() } else { format!("%{b:02X}") }).collect()
}

/// The message of an error in any of our shapes.
pub fn refused(status: u16, body: &serde_json::Value) -> Failure {
    let message = body.pointer("/error/message").and_then(|m| m.as_str());
    Failure::Cannot(message.map_or_else(|| format!("answered {status}: {body}"), ToOwned::to_owned))
}

impl Server {
    /// The one that listens at `place`, else one of our own that lives as long as this value.
    pub fn find(common: &Common, place: &Place) -> Result<Self, Failure> {
        Self::with(common, place, crate::configure::variable("WEIR_KEY"), false)
    }

    /// The same for the operator. Of one of our own whoever can open its file is the operator, with or without a key.
    fn operator(common: &Common, place: &Place) -> Result<Self, Failure> {
        Self::with(common, place, crate::configure::variable("WEIR_ADMIN_KEY"), true)
    }

    fn with(
        common: &Common,
        place: &Place,
        mut key: Option<String>,
        operator: bool,
    ) -> Result<Self, Failure> {
        let running = Self { origin: format!("http://{}", place.listen), key: key.clone(), own: None };
        let health = block_on(running.get("/health"))?;
        if health.is_ok_and(|a| a.status == 200) {
            if operator && running.key.is_none() {
                let why = "takes this from its operator alone: set WEIR_ADMIN_KEY to the key that it was started with";
                return Err(Failure::Cannot(format!("the weir at {} {why}", place.listen)));
            }
            return Ok(running);
        }
        let clock = NativeClock::start();
        let mut setup = Setup::read(common.config.as_deref(), &clock)?;
        if operator {
            // For this one and the moment: nobody else gets to know it.
            let secret = secret()?;
            setup.config.service.admin_key_sha256 = Some(secret.digest());
            key = Some(secret.text().to_owned());
        }
        let listen = Listen::bind(([127, 0, 0, 1], 0).into(), 1)?;
        let origin = format!("http://{}", listen.address);
        let node = Node::start(setup, &place.data, clock)?;
        let seed = place.seed.map_or_else(random, Ok)?;
        let (stop, stopped) = watch::channel(false);
        let thread = std::thread::Builder::new().name("weir".into()).spawn(move || {
            let served = serve(
                listen,
                node.front.clone(),
                seed,
                stopped,
                Duration::from_secs(5),
                std::future::ready(()),
            );
            if let Err(error) = served {
                eprintln!("weir: {error}");
            }
            node.close();
        })?;
        Ok(Self { origin, key, own: Some((stop, thread)) })
    }

    /// One that is known to run.
    pub fn at(origin: String) -> Self {
        Self { origin, key: crate::configure::variable("WEIR_KEY"), own: None }
    }

    pub async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.send(Method::GET, path, Bytes::new(), &[]).await
    }

    /// Posts JSON.
    pub async fn post(
        &self,
        path: &str,
        body: &serde_json::Value,
        headers: &[(&'static str, &str)],
    ) -> Result<Answer, Failure> {
        self.send(Method::POST, path, body.to_string().into(), headers).await
    }

    /// Sends JSON, or nothing, by any method.
    pub async fn order(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<Answer, Failure> {
        self.send(method, path, body.map(ToString::to_string).unwrap_or_default().into(), &[]).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        headers: &[(&'static str, &str)],
    ) -> Result<Answer, Failure> {
        let mut map = HeaderMap::new();
        map.insert("content-type", HeaderValue::from_static("application/json"));
        if let Some(key) = &self.key {
            let mut bearer: HeaderValue = format!("Bearer {key}").parse()?;
            bearer.set_sensitive(true);
            map.insert("authorization", bearer);
        }
        for (name, value) in headers {
            map.insert(*name, value.parse()?);
        }
        let uri = format!("{}{path}", self.origin).parse()?;
        let call = Call { uri, headers: map.into(), body: body.into(), stream: false };
        let reply = NativeHttp.send_as(method, call, CONNECT).await?;
        Ok(Answer { status: reply.status, headers: reply.headers, body: reply.body })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.own.take() {
            // Both fail only where it has stopped by itself.
            let _ = stop.send(true);
            let _ = thread.join();
        }
    }
}
