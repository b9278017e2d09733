// The official @anthropic-ai/sdk against weir and the lab.
// arguments: address, model, and where the SDK is.

import { createRequire } from "node:module";
import assert from "node:assert/strict";

const [base, model, place] = process.argv.slice(2);
const Anthropic = createRequire(`${place}/`)("@anthropic-ai/sdk").default;
const connect = (more = {}) => new Anthropic({ apiKey: "unused", baseURL: base, maxRetries: 0, timeout: 60000, ...more });
const client = connect();
const says = (content) => [{ role: "user", content }];
const ask = { model, max_tokens: 60, messages: says("Say something about rivers.") };
const tool = (name) => ({
  name, description: `The ${name} of a city.`,
  input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
});

async function whole() {
  const { data, response } = await client.messages.create(ask).withResponse();
  assert(data.content[0].text && ["end_turn", "max_tokens"].includes(data.stop_reason));
  assert.equal(String(data.usage.output_tokens), response.headers.get("x-tokens-out"));
  assert.equal(data._request_id, response.headers.get("x-request-id"));
}

async function streamed() {
  const kinds = [];
  for await (const event of await client.messages.create({ ...ask, stream: true })) kinds.push(event.type);
  assert.equal(kinds[0], "message_start");
  assert.equal(kinds.at(-1), "message_stop");
  assert(kinds.filter((kind) => kind === "content_block_delta").length > 3);
  const stream = client.messages.stream(ask, { headers: { "X-Weir-Trailer": "1" } });
  let text = "";
  stream.on("text", (piece) => (text += piece));
  const message = await stream.finalMessage();
  assert.equal(message.content[0].text, text);
  assert.equal(text, (await client.messages.create(ask)).content[0].text);
}

async function agent() {
  const messages = says("Weather and time in Basel, please. [[lab: calls=2]]");
  for (let turn = 0; turn < 3; turn++) {
    const tool_choice = { type: turn < 2 ? "any" : "auto" };
    const message = await client.messages
      .stream({ model, max_tokens: 500, messages, tools: [tool("weather"), tool("time")], tool_choice })
      .finalMessage();
    messages.push({ role: "assistant", content: message.content });
    const calls = message.content.filter((block) => block.type === "tool_use");
    if (turn === 2) {
      assert.equal(calls.length, 0);
      assert.equal(message.stop_reason, "end_turn");
      break;
    }
    assert.equal(calls.length, 2);
    assert(calls.every((call) => "city" in call.input) && calls[0].id !== calls[1].id);
    messages.push({ role: "user", content: [
      ...calls.map((call) => ({ type: "tool_result", tool_use_id: call.id, content: "sunny" })),
      { type: "text", text: `Go on. [[lab: calls=${turn === 0 ? 2 : 0}]]` },
    ] });
  }
}

async function counted() {
  const { input_tokens } = await client.messages.countTokens({ model, messages: ask.messages, tools: [tool("f")] });
  assert(input_tokens > 5);
}

async function errors() {
  const raises = async (kind, code, more) => {
    try {
      await client.messages.create({ ...ask, ...more });
    } catch (error) {
      assert(error instanceof kind, `${error.constructor.name} instead of ${kind.name}: ${error}`);
      assert.equal(error.error.error.code, code);
      assert(error.requestID);
      return error;
    }
    throw new Error(`no ${kind.name}`);
  };
  await raises(Anthropic.NotFoundError, "model_not_found", { model: "claude-lap" });
  const error = await raises(Anthropic.BadRequestError, "invalid_request", { messages: [] });
  assert.equal(error.error.error.type, "invalid_request_error");
}

async function broken() {
  const kinds = [];
  await assert.rejects(async () => {
    const messages = says("x [[lab: tokens=30 fault=cut after=8]]");
    for await (const event of await client.messages.create({ ...ask, messages, stream: true })) kinds.push(event.type);
  }, Anthropic.APIError);
  assert(kinds.length > 3 && !kinds.includes("message_stop"), kinds.join());
}

async function left() {
  const messages = says("x [[lab: tokens=300 fault=slow_tokens ms=200]]");
  const stream = client.messages.stream({ ...ask, messages });
  stream.on("text", () => stream.abort());
  await assert.rejects(stream.finalMessage(), Anthropic.APIUserAbortError);
}

for (const story of [whole, streamed, agent, counted, errors, left, broken]) {
  await story();
  console.log(`ok ${story.name}`);
}
