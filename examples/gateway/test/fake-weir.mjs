// A FAKE of weir for the gateway's own tests: it says what reached it, and streams when asked to. Nothing here routes,
// meters or bills; tests/conformance runs the gateway in front of the real one.

let models = 0;

export default {
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === "/si/down") throw new Error("secret detail of a crash");
    if (url.pathname === "/si/refused") {
      const headers = { "retry-after": "7", "x-limit-remaining": "0", "x-ratelimit-remaining-requests": "0" };
      return Response.json({ error: { code: "rate_limited" } }, { status: 429, headers });
    }
    if (url.pathname === "/v1/models") {
      models += 1;
      return Response.json({ object: "list", read: models });
    }
    if (url.pathname === "/v1/models/none") return Response.json({ error: { code: "model_not_found" } }, { status: 404 });
    if (url.pathname === "/si/stream") return streamed(request);
    const told = {
      url: request.url,
      method: request.method,
      headers: Object.fromEntries(request.headers),
      body: await request.text(),
    };
    const headers = {
      "x-request-id": request.headers.get("x-request-id") ?? "made-by-weir",
      "x-cost-usd": "0.000042500",
      "x-provider": "fake",
      "set-cookie": "weir=1",
      "access-control-allow-origin": "*",
    };
    return Response.json(told, { headers });
  },
};

/** Answers each piece of the request as it comes: neither side waits for the other's end. */
function streamed(request) {
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  const echo = new TransformStream({
    transform(chunk, out) {
      out.enqueue(encoder.encode(`data: ${decoder.decode(chunk).trim()}\n\n`));
    },
  });
  const headers = { "content-type": "text/event-stream", "x-request-id": request.headers.get("x-request-id") ?? "made-by-weir" };
  return new Response(request.body.pipeThrough(echo), { headers });
}
