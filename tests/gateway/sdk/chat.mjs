// The official `openai` SDK of JavaScript against weir and the lab.
// arguments: address, model, where the SDK is, and what the model cannot do.

import { createRequire } from "node:module";
import assert from "node:assert/strict";

const [base, model, place, ...lacks] = process.argv.slice(2);
const load = createRequire(`${place}/`);
const { default: OpenAI } = load("openai");
const { zodResponseFormat } = load("openai/helpers/zod");
const { z } = load("zod");

const connect = (more = {}) => new OpenAI({ apiKey: "unused", baseURL: `${base}/v1`, maxRetries: 0, timeout: 60_000, ...more });
const client = connect();
const says = (content) => [{ role: "user", content }];
const ask = { model, messages: says("Say something about rivers."), max_tokens: 60 };
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

async function raises(kind, code, more) {
  try {
    await client.chat.completions.create({ ...ask, ...more });
  } catch (error) {
    assert(error instanceof kind, `${error.constructor.name} instead of ${kind.name}: ${error}`);
    assert.equal(error.code, code);
    assert(error.requestID);
    return error;
  }
  throw new Error(`no ${kind.name}`);
}

async function whole() {
  const { data, response } = await client.chat.completions.create(ask).withResponse();
  assert(data.choices[0].message.content && ["stop", "length"].includes(data.choices[0].finish_reason));
  assert.equal(String(data.usage.prompt_tokens), response.headers.get("x-tokens-in"));
  assert.equal(String(data.usage.completion_tokens), response.headers.get("x-tokens-out"));
  assert.equal(data._request_id, response.headers.get("x-request-id"));
}

async function streamed() {
  const messages = says('[[lab: say="Zürich – 水 flows, 🙂 and more."]]');
  const stream = await client.chat.completions.create({ ...ask, messages, stream: true, stream_options: { include_usage: true } });
  let [text, last, ids] = ["", null, new Set()];
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    ids.add(chunk.id);
    last = chunk;
  }
  assert.equal(text, "Zürich – 水 flows, 🙂 and more.");
  assert(last.usage.completion_tokens > 0 && ids.size === 1);
  // The SDK's own helper, and weir's own event at the end, which is no trouble to it.
  const helper = client.chat.completions.stream({ ...ask, messages }, { headers: { "X-Weir-Trailer": "1" } });
  assert.equal(await helper.finalContent(), text);
  assert.equal((await client.chat.completions.create({ ...ask, messages })).choices[0].message.content, text);
}

const tool = (name) => ({
  type: "function",
  function: {
    name,
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
});

async function agent() {
  const wanted = lacks.includes("parallel") ? 1 : 2;
  for (const stream of [false, true]) {
    const messages = says(`Weather and time in Basel, please. [[lab: calls=${wanted}]]`);
    for (let turn = 0; turn < 3; turn++) {
      const body = { ...ask, max_tokens: 500, messages, tools: [tool("weather"), tool("time")] };
      if (!lacks.includes("forced")) body.tool_choice = turn < 2 ? "required" : "auto";
      const { choices: [choice] } = stream
        ? await client.chat.completions.stream(body).finalChatCompletion()
        : await client.chat.completions.create(body);
      messages.push(choice.message);
      const calls = choice.message.tool_calls ?? [];
      if (turn === 2) {
        assert.equal(calls.length, 0);
        assert.equal(choice.finish_reason, "stop");
        break;
      }
      assert.equal(choice.finish_reason, "tool_calls");
      assert.equal(calls.length, wanted);
      assert.equal(new Set(calls.map((call) => call.id)).size, wanted);
      for (const { id, function: { arguments: text } } of calls) {
        assert("city" in JSON.parse(text));
        messages.push({ role: "tool", tool_call_id: id, content: "sunny" });
      }
      messages.push(...says(`Go on. [[lab: calls=${turn === 0 ? wanted : 0}]]`));
    }
  }
}

/// The SDK's own loop, which calls the functions by itself.
async function runner() {
  const asked = [];
  const weather = { ...tool("weather").function, parse: JSON.parse, function: ({ city }) => (asked.push(city), "sunny [[lab: calls=0]]") };
  const run = client.chat.completions.runTools({
    model, max_tokens: 300, messages: says("Weather in Basel? [[lab: calls=1]]"),
    tools: [{ type: "function", function: weather }],
  }, { maxChatCompletions: 2 });
  await run.done();
  assert(asked.length >= 1 && typeof asked[0] === "string", asked);
}

async function structured() {
  const River = z.object({ name: z.string(), length_km: z.number().int(), navigable: z.boolean() });
  const response_format = zodResponseFormat(River, "river");
  const { choices: [{ message }] } = await client.chat.completions.parse({ ...ask, max_tokens: 300, response_format });
  assert(River.safeParse(message.parsed).success, message);
  if (!lacks.includes("schema_stream")) {
    const last = await client.chat.completions.stream({ ...ask, max_tokens: 300, response_format }).finalChatCompletion();
    assert(River.safeParse(last.choices[0].message.parsed).success);
  }
}

async function pictures() {
  for (const [lack, url] of [["vision", `data:image/png;base64,${PIXEL}`], ["image_url", "https://example.com/river.png"]]) {
    const messages = says([{ type: "text", text: "What is it?" }, { type: "image_url", image_url: { url } }]);
    if (lacks.includes(lack)) {
      await raises(OpenAI.UnprocessableEntityError, "no_candidate", { messages });
    } else {
      assert((await client.chat.completions.create({ ...ask, messages })).choices[0].message.content);
    }
  }
}

async function errors() {
  await raises(OpenAI.NotFoundError, "model_not_found", { model: "nobody/nothing" });
  assert.equal((await raises(OpenAI.BadRequestError, "invalid_request", { messages: [] })).param, "messages");
}

async function timeout() {
  const messages = says("x [[lab: fault=slow_head ms=3000]]");
  await assert.rejects(connect({ timeout: 300 }).chat.completions.create({ ...ask, messages }), OpenAI.APIConnectionTimeoutError);
}

async function retried() {
  const counts = [];
  const fetching = (url, init) => {
    counts.push(new Headers(init.headers).get("x-stainless-retry-count"));
    return fetch(url, init);
  };
  const patient = connect({ maxRetries: 2, fetch: fetching });
  const messages = says(`x [[lab: first=1 fault=rate_limit retry_after=1 tag=javascript-${model}]]`);
  assert((await patient.chat.completions.create({ ...ask, messages })).choices[0].message.content);
  assert(counts.length >= 2 && counts.at(-1) !== "0", counts);
  counts.length = 0;
  await assert.rejects(patient.chat.completions.create({ ...ask, messages: [] }), OpenAI.BadRequestError);
  assert.deepEqual(counts, ["0"]);
}

async function left() {
  const messages = says("x [[lab: tokens=300 reasoning=0 fault=slow_tokens ms=150]]");
  const stream = client.chat.completions.stream({ ...ask, messages });
  stream.on("content", () => stream.abort());
  await assert.rejects(stream.finalChatCompletion(), OpenAI.APIUserAbortError);
}

async function broken() {
  const messages = says("x [[lab: tokens=60 reasoning=0 fault=cut after=20]]");
  let heard = 0;
  await assert.rejects(async () => {
    for await (const _ of await client.chat.completions.create({ ...ask, messages, max_tokens: 100, stream: true })) heard++;
  }, (error) => error instanceof OpenAI.APIError && error.code === "stream_broken");
  assert(heard >= 3);
}

for (const story of [whole, streamed, agent, runner, structured, pictures, errors, timeout, retried, left, broken]) {
  try {
    await story();
  } catch (error) {
    throw new Error(`${story.name} of ${model}`, { cause: error });
  }
  console.log(`ok ${story.name}`);
}
