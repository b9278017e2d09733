// The official openai SDK and its Responses API against weir and the lab.
// arguments: address, model, and where the SDK is.

import { createRequire } from "node:module";
import assert from "node:assert/strict";

const [base, model, place] = process.argv.slice(2);
const require = createRequire(`${place}/`);
const OpenAI = require("openai").default;
const { zodTextFormat } = require("openai/helpers/zod");
const { z } = require("zod");
const connect = (more = {}) => new OpenAI({ apiKey: "unused", baseURL: `${base}/v1`, maxRetries: 0, timeout: 60000, ...more });
const client = connect();
const ask = { model, max_output_tokens: 60, input: "Say something about rivers." };
const tool = (name) => ({
  type: "function", name, description: `The ${name} of a city.`, strict: true,
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false },
});

async function whole() {
  const { data, response } = await client.responses.create(ask).withResponse();
  assert(data.output_text && ["completed", "incomplete"].includes(data.status));
  assert.equal(String(data.usage.output_tokens), response.headers.get("x-tokens-out"));
  assert.equal(data._request_id, response.headers.get("x-request-id"));
}

async function streamed() {
  const kinds = [];
  for await (const event of await client.responses.create({ ...ask, stream: true })) kinds.push(event.type);
  assert.equal(kinds[0], "response.created");
  assert(["response.completed", "response.incomplete"].includes(kinds.at(-1)));
  assert(kinds.filter((kind) => kind === "response.output_text.delta").length > 3);
  for (const headers of [{}, { "X-Weir-Trailer": "1" }]) {
    const stream = client.responses.stream(ask, { headers });
    let text = "";
    stream.on("response.output_text.delta", (event) => (text += event.delta));
    const response = await stream.finalResponse();
    assert.equal(response.output_text, text);
    assert.equal(text, (await client.responses.create(ask)).output_text);
  }
}

async function agent() {
  const input = [{ role: "user", content: "Weather and time in Basel, please. [[lab: calls=2]]" }];
  for (let turn = 0; turn < 3; turn++) {
    const response = await client.responses
      .stream({ model, max_output_tokens: 500, input, tools: [tool("weather"), tool("time")], tool_choice: turn < 2 ? "required" : "auto" })
      .finalResponse();
    input.push(...response.output);
    const calls = response.output.filter((item) => item.type === "function_call");
    if (turn === 2) {
      assert.equal(calls.length, 0);
      assert.equal(response.status, "completed");
      break;
    }
    assert.equal(calls.length, 2);
    assert(calls.every((call) => "city" in JSON.parse(call.arguments)) && calls[0].call_id !== calls[1].call_id);
    input.push(...calls.map((call) => ({ type: "function_call_output", call_id: call.call_id, output: "sunny" })));
    input.push({ role: "user", content: `Go on. [[lab: calls=${turn === 0 ? 2 : 0}]]` });
  }
}

async function structured() {
  const River = z.object({ name: z.string(), length_km: z.number(), navigable: z.boolean() });
  const asked = { ...ask, max_output_tokens: 300, text: { format: zodTextFormat(River, "river") } };
  const parsed = await client.responses.parse(asked);
  assert.equal(typeof parsed.output_parsed.navigable, "boolean");
  const response = await client.responses.stream(asked).finalResponse();
  assert.equal(typeof response.output_parsed.name, "string");
}

async function errors() {
  const raises = async (kind, code, param, more) => {
    try {
      await client.responses.create({ ...ask, ...more });
    } catch (error) {
      assert(error instanceof kind, `${error.constructor.name} instead of ${kind.name}: ${error}`);
      assert.equal(error.code, code);
      assert.equal(error.param, param);
      assert(error.requestID);
      return;
    }
    throw new Error(`no ${kind.name}`);
  };
  await raises(OpenAI.NotFoundError, "model_not_found", "model", { model: "gpt-lap" });
  await raises(OpenAI.BadRequestError, "invalid_request", "input", { input: [] });
  await raises(OpenAI.BadRequestError, "invalid_request", "previous_response_id", { previous_response_id: "resp_1" });
  await assert.rejects(client.responses.retrieve("resp_1"), OpenAI.NotFoundError);
  await assert.rejects(client.responses.delete("resp_1"), OpenAI.NotFoundError);
}

async function broken() {
  const kinds = [];
  await assert.rejects(async () => {
    const input = "x [[lab: tokens=30 fault=cut after=8]]";
    for await (const event of await client.responses.create({ ...ask, input, stream: true })) kinds.push(event.type);
  }, OpenAI.APIError);
  assert(kinds.length > 3 && !kinds.includes("response.completed"), kinds.join());
}

async function left() {
  const input = "x [[lab: tokens=300 fault=slow_tokens ms=200]]";
  const stream = client.responses.stream({ ...ask, input });
  stream.on("response.output_text.delta", () => stream.abort());
  await assert.rejects(stream.finalResponse(), OpenAI.APIUserAbortError);
}

for (const story of [whole, streamed, agent, structured, errors, left, broken]) {
  await story();
  console.log(`ok ${story.name}`);
}
