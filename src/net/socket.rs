//! WebSockets, for conversations. Frames are tungstenite's; the conversation is the front's.

use front::session::{Message, Session};
use futures::{Sink, Stream};
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, HeaderValue};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message as Framed};

/// One message of a client, in bytes.
const MESSAGE_MAX: usize = 1 << 20;
/// What is written and not yet taken by the connection.
const UNSENT_MAX: usize = 256 << 10;

/// The head of the answer that switches: RFC 6455, 4.2.2.
pub fn accept(key: &str, headers: &mut HeaderMap) {
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&base64(hash.as_ref())) {
        headers.insert("sec-websocket-accept", accept);
    }
}

fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Talks over a connection that was switched, until one side has enough or weir is stopped.
pub async fn talk(io: Upgraded, session: Session, mut stop: watch::Receiver<bool>) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_MAX))
        .max_frame_size(Some(MESSAGE_MAX))
        .write_buffer_size(0)
        .max_write_buffer_size(UNSENT_MAX);
    let io = TokioIo::new(io);
    let mut socket = Socket(WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await);
    let close = tokio::select! {
        end = session.run(&mut socket) => {
            (CloseCode::from(end.code()), end.reason())
        }
        _ = stop.wait_for(|stop| *stop) => (CloseCode::Away, "weir is stopping"),
    };
    let frame = CloseFrame { code: close.0, reason: close.1.into() };
    // Who is gone already needs no farewell.
    if let Err(error) = socket.0.close(Some(frame)).await {
        tracing::debug!(%error, "a conversation's socket was not closed in peace");
    }
}

/// Its messages, as the front has them.
struct Socket<T>(WebSocketStream<T>);

impl<T> Stream for Socket<T>
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        loop {
            let framed = match ready!(Pin::new(&mut self.0).poll_next(cx)) {
                Some(Ok(framed)) => framed,
                Some(Err(error)) => {
                    tracing::debug!(%error, "a conversation's socket ended");
                    return Poll::Ready(None);
                }
                None => return Poll::Ready(None),
            };
            match framed {
                Framed::Text(text) => return Poll::Ready(Some(Message::Text(text.as_str().to_owned()))),
                Framed::Binary(bytes) => return Poll::Ready(Some(Message::Sound(bytes))),
                Framed::Close(_) => return Poll::Ready(None),
                // Answered below us.
                Framed::Ping(_) | Framed::Pong(_) | Framed::Frame(_) => {}
            }
        }
    }
}

impl<T> Sink<Message> for Socket<T>
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    type Error = tungstenite::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Pin::new(&mut self.0).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Self::Error> {
        let framed = match message {
            Message::Text(text) => Framed::text(text),
            Message::Sound(bytes) => Framed::Binary(bytes),
        };
        Pin::new(&mut self.0).start_send(framed)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}
