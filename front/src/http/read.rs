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
use std::task::{Context, Poll, ready};
use vocab::{Duration, Instant};

/// What is set aside for a body before any of it is there, at most: a length is only a promise.
const PROMISED_MAX: usize = 256 << 10;

/// All of the body. A body in one frame is not copied. An empty frame says that something came which is not handed over
/// yet: patience begins anew with every frame.
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
    plain(headers)?;
    let promised = promised(headers);
    if promised.is_some_and(|n| n > most as u64) {
        return Err(too_large(most as u64));
    }
    let mut body = pin!(body);
    let mut patience = Patience::new(idle, clock);
    let mut first = Bytes::new();
    let mut rest: Option<BytesMut> = None;
    while let Some(data) = next(&mut body, &mut patience).await? {
        let length = rest.as_ref().map_or(first.len(), BytesMut::len);
        if length + data.len() > most {
            return Err(too_large(most as u64));
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

/// Nothing but the bytes themselves is understood.
pub(super) fn plain(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(coding) = headers.get(CONTENT_ENCODING).filter(|c| c.as_bytes() != b"identity") else {
        return Ok(());
    };
    let coding = String::from_utf8_lossy(coding.as_bytes()).chars().take(32).collect::<String>();
    let message = format!("Bodies must not be compressed; this one's Content-Encoding is {coding:?}.");
    Err(Refusal::new(415, "unsupported_encoding", message))
}

/// How long the body is to be, where that is said.
pub(super) fn promised(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok())
}

/// How long nothing may come. The clock is only asked when the body is not ready, and one timer serves for many waits: it is
/// set again when it rings and meanwhile something came.
pub(super) struct Patience<'a> {
    idle: Duration,
    clock: &'a dyn Clock,
    /// Since when nothing came; None while something does.
    since: Option<Instant>,
    timer: Option<BoxFuture<'a, ()>>,
}

impl<'a> Patience<'a> {
    pub fn new(idle: Duration, clock: &'a dyn Clock) -> Self {
        Self { idle, clock, since: None, timer: None }
    }

    /// Ready when it is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.since.get_or_insert_with(|| self.clock.now());
        loop {
            let timer = self.timer.get_or_insert_with(|| self.clock.sleep(self.idle));
            ready!(timer.as_mut().poll(cx));
            let left = self.idle.saturating_sub(self.clock.now().since(since));
            if left.is_zero() {
                return Poll::Ready(());
            }
            self.timer = Some(self.clock.sleep(left));
        }
    }
}

/// The next data frame with something in it; None at the end.
pub(super) async fn next<B>(
    body: &mut Pin<&mut B>,
    patience: &mut Patience<'_>,
) -> Result<Option<Bytes>, Refusal>
where
    B: Body<Data = Bytes> + Send,
    B::Error: Display,
{
    poll_fn(|cx: &mut Context<'_>| {
        loop {
            match body.as_mut().poll_frame(cx) {
                Poll::Ready(None) => return Poll::Ready(Ok(None)),
                Poll::Ready(Some(Ok(frame))) => {
                    patience.since = None;
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
        patience.poll(cx).map(|()| {
            let message =
                format!("Nothing more of the request's body came for {} ms.", patience.idle.as_millis());
            Err(Refusal::new(408, "body_timeout", message))
        })
    })
    .await
}

pub(super) fn too_large(most: u64) -> Refusal {
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
    use std::sync::atomic::{AtomicU64, Ordering};

    /// A clock whose every wait is over at once.
    #[derive(Default)]
    struct Hasty(AtomicU64);

    #[async_trait]
    impl Clock for Hasty {
        fn now(&self) -> Instant {
            Instant::from_micros(self.0.load(Ordering::Relaxed))
        }

        async fn sleep(&self, span: Duration) {
            self.0.fetch_add(span.as_micros() as u64, Ordering::Relaxed);
        }
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
        block_on(whole(&headers, body, 10, Duration::from_secs(1), &Hasty::default())).map_err(|r| r.status)
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

    /// A clock that is set by hand.
    #[derive(Clone, Default)]
    struct Hand(std::sync::Arc<AtomicU64>);

    impl Hand {
        fn is(&self, ms: u64) {
            self.0.store(ms * 1_000, Ordering::Relaxed);
        }
    }

    #[async_trait]
    impl Clock for Hand {
        fn now(&self) -> Instant {
            Instant::from_micros(self.0.load(Ordering::Relaxed))
        }

        async fn sleep(&self, span: Duration) {
            let until = self.now().after(span);
            poll_fn(|_| if self.now() >= until { Poll::Ready(()) } else { Poll::Pending }).await;
        }
    }

    /// Now and then something comes: an empty frame at each of these moments.
    struct Slow(Hand, VecDeque<u64>);

    impl Body for Slow {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let now = self.0.now().as_millis();
            match self.1.front() {
                Some(at) if *at <= now => {
                    self.1.pop_front();
                    Poll::Ready(Some(Ok(Frame::data(Bytes::new()))))
                }
                _ => Poll::Pending,
            }
        }
    }

    #[test]
    fn patience_begins_anew_with_whatever_comes() {
        let clock = Hand::default();
        let headers = HeaderMap::new();
        let body = Slow(clock.clone(), [600, 1_500].into());
        let mut reading = pin!(whole(&headers, body, 10, Duration::from_secs(1), &clock));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        for ms in [0, 600, 1_200, 1_500, 2_000, 2_499] {
            clock.is(ms);
            assert!(reading.as_mut().poll(&mut cx).is_pending(), "given up at {ms}");
        }
        clock.is(2_500);
        let Poll::Ready(Err(refusal)) = reading.as_mut().poll(&mut cx) else { panic!("still waiting") };
        assert_eq!(refusal.status, 408);
    }
}
