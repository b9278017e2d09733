// A provider that speaks OpenAI's dialect and does what the model's name says. Usage is always 60 in, 40 out, so that
// at one dollar for a million tokens an answer costs 100 units of a millionth.

import { createServer } from "node:http";
import { once } from "node:events";

const usage = { prompt_tokens: 60, completion_tokens: 40, total_tokens: 100 };
const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

const chunk = (model, delta, finish = null, more = {}) =>
  `data: ${JSON.stringify({
    id: "c-1",
    object: "chat.completion.chunk",
    created: 1,
    model,
    choices: [{ index: 0, delta, finish_reason: finish }],
    ...more,
  })}\n\n`;

export class Upstream {
  /** Calls so far, and how many of them are still open. */
  calls = 0;
  open = 0;
  /** What came in last. */
  last = undefined;
  /** Resolves what stalls. */
  release = () => {};

  static async start(port = 0) {
    const upstream = new Upstream();
    upstream.server = createServer((request, response) => upstream.#serve(request, response));
    upstream.server.listen(port, "127.0.0.1");
    await once(upstream.server, "listening");
    upstream.url = `http://127.0.0.1:${upstream.server.address().port}/v1`;
    return upstream;
  }

  stop() {
    this.release();
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }

  async #serve(request, response) {
    this.calls += 1;
    this.open += 1;
    response.on("close", () => (this.open -= 1));
    const parts = [];
    for await (const part of request) parts.push(part);
    this.last = { url: request.url, headers: request.headers, body: Buffer.concat(parts).toString() };
    const { model, stream } = JSON.parse(this.last.body);
    const held = new Promise((resolve) => (this.release = resolve));
    if (model === "down") return response.writeHead(500).end("{}");
    if (model === "redirect") return response.writeHead(302, { location: "/elsewhere" }).end();
    if (model === "slow") await pause(150);
    if (model === "silent") await held;
    if (!stream) {
      response.writeHead(200, { "content-type": "application/json" });
      const message = { role: "assistant", content: "Hello there." };
      const choices = [{ index: 0, message, finish_reason: "stop" }];
      return response.end(JSON.stringify({ id: "c-1", object: "chat.completion", created: 1, model, choices, usage }));
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(chunk(model, { role: "assistant", content: "Hello" }));
    if (model === "cut") return setTimeout(() => response.destroy(), 50);
    if (model === "stall") await held;
    const pieces = model === "long" ? 200 : 3;
    for (let at = 0; at < pieces && !response.destroyed; at += 1) {
      if (model === "long") await pause(20);
      response.write(chunk(model, { content: ` ${at}` }));
    }
    response.write(chunk(model, {}, "stop"));
    response.write(chunk(model, {}, undefined, { choices: [], usage }));
    response.end("data: [DONE]\n\n");
  }
}
