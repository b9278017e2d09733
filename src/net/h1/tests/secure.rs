//! Calls over TLS, which tells a proper end from a cut.

use super::replies::Lent;
use crate::net::h1::client::{self, Answer, Message};
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, Method};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, client::TlsStream as Near, server::TlsStream as Far};
use vocab::{Fault, Segments};

async fn pair() -> (Near<DuplexStream>, Far<DuplexStream>) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificate = CertificateDer::from_pem_slice(include_bytes!("localhost.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("localhost.key.pem")).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let (near, far) = tokio::io::duplex(32 << 10);
    let (near, far) = tokio::join!(
        TlsConnector::from(Arc::new(client)).connect(ServerName::try_from("localhost").unwrap(), near),
        TlsAcceptor::from(Arc::new(server)).accept(far),
    );
    (near.unwrap(), far.unwrap())
}

/// How the provider ends its reply.
#[derive(Clone, Copy, PartialEq)]
enum Ends {
    /// With an alert that nothing more comes.
    Properly,
    /// The socket is just closed.
    Abruptly,
    Not,
}

/// What is heard of `reply`, how it ended, and whether the connection is kept.
fn hear(reply: &[u8], ends: Ends) -> (Bytes, Result<(), Fault>, bool) {
    super::run(async {
        let (near, mut far) = pair().await;
        let mut message = Message::new(
            Method::POST,
            &"https://localhost/".parse().unwrap(),
            &HeaderMap::new(),
            Segments(vec![super::bytes("hello")]),
        )
        .unwrap();
        let (lent, back) = Lent::new(near);
        let provider = async {
            let mut said = vec![0; 4096];
            let mut n = 0;
            while !said[..n].ends_with(b"\r\n\r\nhello") {
                n += far.read(&mut said[n..]).await.unwrap();
            }
            far.write_all(reply).await.unwrap();
            far.flush().await.unwrap();
            match ends {
                Ends::Properly => far.shutdown().await.unwrap(),
                Ends::Abruptly => far.get_mut().0.shutdown().await.unwrap(),
                Ends::Not => {}
            }
            far
        };
        let call = async {
            let Answer { mut body, .. } = client::call(lent, &mut message).await.unwrap();
            let mut all = Vec::new();
            while let Some(piece) = body.next().await {
                match piece {
                    Ok(piece) => all.extend_from_slice(&piece),
                    Err(fault) => return (all.into(), Err(fault)),
                }
            }
            (all.into(), Ok(()))
        };
        let (_far, (body, end)) = tokio::join!(provider, call);
        (body, end, back.has_it())
    })
}

#[test]
fn a_body_that_ends_with_the_connection_is_whole_only_if_it_was_ended_properly() {
    let reply = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n";
    let (body, end, kept) = hear(reply, Ends::Properly);
    assert_eq!((body, end, kept), (Bytes::from_static(b"data: x\n\n"), Ok(()), false));
    let (body, end, kept) = hear(reply, Ends::Abruptly);
    assert!(matches!(&end, Err(Fault::Cut(_))), "cut, and taken for whole: {body:?} {end:?}");
    assert_eq!((body, kept), (Bytes::from_static(b"data: x\n\n"), false));
}

#[test]
fn a_body_that_tells_its_end_needs_no_other() {
    for reply in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ] {
        for ends in [Ends::Not, Ends::Properly, Ends::Abruptly] {
            let (body, end, kept) = hear(reply.as_bytes(), ends);
            assert_eq!((&body[..], end), (&b"hello"[..], Ok(())));
            assert!(kept || ends != Ends::Not);
        }
    }
}

#[test]
fn large_bodies_pass_over_tls() {
    let large = "0123456789abcdef".repeat(64 << 10);
    for kind in ["application/json", "text/plain"] {
        let reply = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{large}",
            large.len()
        );
        let (body, end, kept) = hear(reply.as_bytes(), Ends::Not);
        assert!(body == large.as_bytes() && end.is_ok() && kept, "{kind}: {} bytes, {end:?}", body.len());
    }
}
