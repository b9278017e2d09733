//! A request's body, bounded in size and in patience.

use crate::refusal::Refusal;
use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body::{Body, Frame};
use relay::ports::Clock;
use std::fmt::Display;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use vocab::Duration;

/// What is set aside for a body before any of it is there, at most: a length is only a promise.
const PROMISED_MAX: usize = 256 << 10;

/// All of the body. A body in one frame is not copied.
pub async fn whole<B>(
    headers: &HeaderMap,
    body: B,
    most: usize,
    idle: Duration,
    clock: &dyn Clock,
) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes> + Send,
    B::Error: Display,
{
    if let Some(coding) = headers.get(CONTENT_ENCODING).filter(|c| c.as_bytes() != b"identity") {
        let coding = String::from_utf8_lossy(coding.as_bytes()).chars().take(32).collect::<String>();
        return Err(Refusal::new(
            415,
            "unsupported_encoding",
            format!("Bodies must not be compressed; this one's Content-Encoding is {coding:?}."),
        ));
    }
    let promised = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if promised.is_some_and(|n| n > most as u64) {
        return Err(too_large(most));
    }
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut rest: Option<BytesMut> = None;
    while let Some(data) = next(&mut body, idle, clock).await? {
        let length = rest.as_ref().map_or(first.len(), BytesMut::len);
        if length + data.len() > most {
            return Err(too_large(most));
        }
        match &mut rest {
            None if first.is_empty() => first = data,
            None => {
                let promised = usize::try_from(promised.unwrap_or(0)).unwrap_or(0).min(PROMISED_MAX);
                let mut all = BytesMut::with_capacity(promised.max(first.len() + data.len()));
                all.extend_from_slice(&first);
                all.extend_from_slice(&data);
                rest = Some(all);
            }
            Some(all) => all.extend_from_slice(&data),
        }
    }
    Ok(rest.map_or(first, BytesMut::freeze))
}

/// The next data frame; None at the end. The clock is only asked when the body is not ready.
async fn next<B>(body: &mut Pin<&mut B>, idle: Duration, clock: &dyn Clock) -> Result<Option<Bytes>, Refusal>
where
    B: Body<Data = Bytes> + Send,
    B::Error: Display,
{
    let mut timer: Option<BoxFuture<'_, ()>> = None;
    poll_fn(|cx: &mut Context<'_>| {
        loop {
            match body.as_mut().poll_frame(cx) {
                Poll::Ready(None) => return Poll::Ready(Ok(None)),
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers say nothing here.
                    if let Ok(data) = Frame::into_data(frame)
                        && !data.is_empty()
                    {
                        return Poll::Ready(Ok(Some(data)));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    let message = format!("The request's body broke off: {error}.");
                    return Poll::Ready(Err(Refusal::new(400, "body_incomplete", message)));
                }
                Poll::Pending => break,
            }
        }
        let timer = timer.get_or_insert_with(|| clock.sleep(idle));
        timer.as_mut().poll(cx).map(|()| {
            let message = format!("Nothing more of the request's body came for {} ms.", idle.as_millis());
            Err(Refusal::new(408, "body_timeout", message))
        })
    })
    .await
}

fn too_large(most: usize) -> Refusal {
    Refusal::new(
        413,
        "body_too_large",
        format!("The request's body is larger than {most} bytes, the most taken."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use futures::executor::block_on;
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use vocab::Instant;

    /// A clock whose every wait is over at once.
    struct Hasty;

    #[async_trait]
    impl Clock for Hasty {
        fn now(&self) -> Instant {
            Instant::ZERO
        }

        async fn sleep(&self, _: Duration) {}
    }

    struct Chunks(VecDeque<&'static [u8]>, bool);

    impl Body for Chunks {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.0.pop_front() {
                Some(chunk) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(chunk))))),
                None if self.1 => Poll::Pending,
                None => Poll::Ready(None),
            }
        }
    }

    fn read(chunks: &[&'static [u8]], stalls: bool, list: &[(&'static str, &str)]) -> Result<Bytes, u16> {
        let headers: HeaderMap = list
            .iter()
            .map(|(k, v)| (http::HeaderName::from_static(k), http::HeaderValue::from_str(v).unwrap()))
            .collect();
        let body = Chunks(chunks.iter().copied().collect(), stalls);
        block_on(whole(&headers, body, 10, Duration::from_secs(1), &Hasty)).map_err(|r| r.status)
    }

    #[test]
    fn bodies_are_read_whole_or_refused() {
        assert_eq!(read(&[], false, &[]).unwrap(), "");
        assert_eq!(read(&[b"", b"one", b""], false, &[]).unwrap(), "one");
        assert_eq!(read(&[b"on", b"e", b" two"], false, &[("content-length", "7")]).unwrap(), "one two");
        assert_eq!(read(&[b"0123456789"], false, &[]).unwrap().len(), 10);
        assert_eq!(read(&[b"01234", b"567890"], false, &[]), Err(413));
        assert_eq!(read(&[b"x"], false, &[("content-length", "11")]), Err(413));
        assert_eq!(read(&[b"x"], false, &[("content-length", "99999999999999")]), Err(413));
        assert_eq!(read(&[b"x"], true, &[]), Err(408), "a body that stalls");
        assert_eq!(read(&[b"x"], false, &[("content-encoding", "gzip")]), Err(415));
        assert_eq!(read(&[b"x"], false, &[("content-encoding", "identity")]).unwrap(), "x");
    }
}
