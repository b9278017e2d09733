//! JavaScript as it is called from here: see `glue.js`.

use js_sys::{Promise, Uint8Array, Uint32Array};
use wasm_bindgen::prelude::*;
use web_sys::{Request, Response};

#[wasm_bindgen(module = "/src/worker/glue.js")]
extern "C" {
    pub fn wire(bring: &JsValue);
    pub fn open(door: &Door);
    pub fn soon();
    pub fn ring(number: u32, millis: f64) -> JsValue;
    pub fn unring(timer: &JsValue);
    pub fn later() -> JsValue;
    pub fn done(work: &JsValue);
    pub fn pieces(request: &Request) -> Pieces;
    pub fn respond(status: u16, heads: &str, body: Option<&[u8]>) -> Response;
    pub fn answer(door: &Door, status: u16, heads: &str, body: Option<&[u8]>);
    pub fn secret(length: u32) -> Uint8Array;
    pub fn verify(number: u32, jwk: &str, message: &[u8], signature: &[u8]);
    pub fn signer(number: u32, pkcs8: &[u8]);
    pub fn sign(number: u32, key: &JsValue, message: &[u8]);
    pub fn chance() -> Uint32Array;
    pub fn board() -> Promise;
    pub fn pin(text: &str) -> Promise;

    /// Where the answer to a request goes.
    pub type Door;

    pub type Pieces;
    #[wasm_bindgen(method)]
    pub fn next(this: &Pieces, number: u32);
    #[wasm_bindgen(method)]
    pub fn stop(this: &Pieces);

    pub type Speaking;
    #[wasm_bindgen(constructor)]
    pub fn new(door: &Door, status: u16, heads: &str) -> Speaking;
    #[wasm_bindgen(method)]
    pub fn write(this: &Speaking, piece: &[u8]) -> bool;
    #[wasm_bindgen(method)]
    pub fn room(this: &Speaking, number: u32);
    #[wasm_bindgen(method)]
    pub fn end(this: &Speaking, number: u32);
    #[wasm_bindgen(method)]
    pub fn cut(this: &Speaking);
    #[wasm_bindgen(method)]
    pub fn left(this: &Speaking, number: u32);

    /// A call under way, over the network or to a binding.
    pub type Answering;
    #[wasm_bindgen(method)]
    pub fn begin(this: &Answering, number: u32, whole: f64);
    #[wasm_bindgen(method, js_name = next)]
    pub fn next_piece(this: &Answering, number: u32);
    #[wasm_bindgen(method)]
    pub fn stop(this: &Answering);

    pub fn order(number: u32, accounts: &JsValue, account: &str, path: &str, body: &str);

    /// An account's storage; what fails, fails as a whole.
    pub type Shelf;
    #[wasm_bindgen(constructor, catch)]
    pub fn new(storage: &JsValue) -> Result<Shelf, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn append(this: &Shelf, table: &str, rows: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn last(this: &Shelf) -> Result<f64, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn entries(this: &Shelf, table: &str, after: f64, limit: f64) -> Result<String, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn of(this: &Shelf, id: &str, after: f64, last: f64) -> Result<String, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn ended(this: &Shelf, before: f64, limit: f64) -> Result<String, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn end(this: &Shelf, id: &str) -> Result<String, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn ended_of(this: &Shelf, ids: &str) -> Result<String, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn before(this: &Shelf, time: f64) -> Result<String, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn clear(this: &Shelf) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn adopt(this: &Shelf, keep: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn note(this: &Shelf, name: &str) -> Result<Option<String>, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn take(this: &Shelf, name: &str, text: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn drop(this: &Shelf, name: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn notes(this: &Shelf, beginning: &str, after: &str, limit: u32) -> Result<String, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn hole(this: &Shelf, name: &str) -> Result<Option<String>, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn fill(
        this: &Shelf,
        name: &str,
        number: f64,
        request: &str,
        until: f64,
        answer: Option<&str>,
    ) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn empty(this: &Shelf, name: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn tidy(this: &Shelf, now: f64, most: f64) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn due(this: &Shelf) -> Result<Option<f64>, JsValue>;
    #[wasm_bindgen(method)]
    pub fn alarm(this: &Shelf, time: f64);

    pub fn put(kv: &JsValue, keys: &str, values: &str) -> Promise;
    pub fn get(kv: &JsValue, keys: &str) -> Promise;
    pub fn list(kv: &JsValue, prefix: &str, cursor: &str, limit: f64) -> Promise;
    pub fn forget(kv: &JsValue, keys: &str) -> Promise;

    #[wasm_bindgen(extends = Answering)]
    pub type Outgoing;
    #[wasm_bindgen(constructor)]
    pub fn new(head: &str, body: Option<&[u8]>) -> Outgoing;

    #[wasm_bindgen(extends = Answering)]
    pub type Bound;
    #[wasm_bindgen(constructor)]
    pub fn new(binding: &JsValue, model: &str, inputs: &str) -> Bound;
}

/// What JavaScript threw, as text.
pub fn thrown(error: &JsValue) -> String {
    let message = js_sys::Reflect::get(error, &JsValue::from_str("message")).ok().and_then(|m| m.as_string());
    message.or_else(|| error.as_string()).unwrap_or_else(|| "an error that says nothing".into())
}
