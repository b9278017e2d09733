//! Calls to providers, over `fetch` or over the binding `AI`.

use super::arrive::copied;
use super::task::{Waiting, brought, waiting};
use super::{glue, heads};
use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use providers::workers_ai::fault_from_text;
use relay::ports::{ByteStream, Http, Reply};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use vocab::{Call, Duration, Fault};
use wasm_bindgen::{JsCast, JsValue};
use worker::Env;
use worker::send::{SendFuture, SendWrapper};

/// An answer up to this size is taken in one piece, where it says its size.
const WHOLE_MAX: f64 = 1_048_576.0;

/// The `Http` port on `fetch`. A connection is the runtime's own matter: it pools them, and does not say how long one
/// took to make. What bounds that time here is what bounds the time to the first content.
pub struct EdgeHttp {
    env: SendWrapper<Env>,
}

impl EdgeHttp {
    pub fn new(env: Env) -> Self {
        Self { env: SendWrapper::new(env) }
    }

    fn begin(&self, call: &Call) -> Result<UnderWay, Fault> {
        let body = call.body.concat();
        if call.uri.scheme_str() != Some("binding") {
            let heads = front::Fields::from(&*call.headers);
            let body = (!body.is_empty()).then_some(&body[..]);
            let head = format!("{} {}\r\n{}", call.method(), call.uri, heads.lines());
            let out = glue::Outgoing::new(&head, body);
            return Ok(UnderWay { call: out.into(), bound: false, over: false });
        }
        let name = call.uri.authority().map_or("", http::uri::Authority::as_str);
        let binding = js_sys::Reflect::get(&self.env, &name.into()).unwrap_or(JsValue::UNDEFINED);
        if !binding.is_object() {
            return Err(Fault::Down(format!("there is no binding {name}")));
        }
        let inputs = std::str::from_utf8(&body).map_err(|e| Fault::Unfit(e.to_string()))?;
        let model = call.uri.path().trim_start_matches('/');
        Ok(UnderWay { call: glue::Bound::new(&binding, model, inputs).into(), bound: true, over: false })
    }
}

#[async_trait]
impl Http for EdgeHttp {
    async fn send(&self, call: Call, _: Duration) -> Result<Reply, Fault> {
        SendFuture::new(async move {
            let mut under_way = self.begin(&call)?;
            let told = brought(|number| under_way.call.begin(number, WHOLE_MAX)).await;
            let (head, whole) = told.map_err(|error| under_way.failed(&glue::thrown(&error)))?;
            let head = head.as_string().unwrap_or_default();
            let mut lines = head.split('\n');
            let status = lines.next().and_then(|s| s.parse().ok()).unwrap_or_default();
            let headers = heads::headers(lines, |_| false);
            let body: ByteStream = if whole.is_undefined() {
                Box::pin(Arriving(SendWrapper::new((under_way, None))))
            } else {
                under_way.over = true;
                let bytes = copied(&whole.unchecked_into());
                Box::pin(futures::stream::iter((!bytes.is_empty()).then_some(Ok(bytes))))
            };
            Ok(Reply { status, headers, body })
        })
        .await
    }
}

/// A call that ends when nobody waits for it any more.
struct UnderWay {
    call: glue::Answering,
    /// It goes over a binding.
    bound: bool,
    over: bool,
}

impl UnderWay {
    /// What it means that the call failed before its head was there.
    fn failed(&mut self, why: &str) -> Fault {
        self.over = true;
        if self.bound { fault_from_text(why) } else { Fault::Down(why.into()) }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if !self.over {
            self.call.stop();
        }
    }
}

/// A reply's body as it comes.
struct Arriving(SendWrapper<(UnderWay, Option<Waiting>)>);

impl Stream for Arriving {
    type Item = Result<Bytes, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let (under_way, next) = &mut *self.0;
        if under_way.over {
            return Poll::Ready(None);
        }
        let reading = next.get_or_insert_with(|| waiting(|number| under_way.call.next_piece(number)).1);
        let read = ready!(Pin::new(reading).poll(cx));
        *next = None;
        Poll::Ready(match read {
            Ok((piece, _)) if piece.is_undefined() => {
                under_way.over = true;
                None
            }
            Ok((piece, _)) => Some(Ok(copied(&piece.unchecked_into()))),
            Err(error) => {
                under_way.over = true;
                Some(Err(Fault::Cut(glue::thrown(&error))))
            }
        })
    }
}
