// The AI SDK, `ai` with its own providers, against weir and the lab: one model, spoken to in each provider's protocol.
// arguments: address, protocol (chat, responses, anthropic, google), model, where the SDK is, what the model cannot do.

import { createRequire } from "node:module";
import assert from "node:assert/strict";

const [base, protocol, name, place, ...lacks] = process.argv.slice(2);
const load = createRequire(`${place}/`);
const { generateText, streamText, generateObject, streamObject, tool, stepCountIs, APICallError, RetryError } = load("ai");
const { createOpenAI } = load("@ai-sdk/openai");
const { createAnthropic } = load("@ai-sdk/anthropic");
const { createGoogleGenerativeAI } = load("@ai-sdk/google");
const { z } = load("zod");

/// What was really sent: the bodies, in order.
const sent = [];
const fetching = (url, init) => {
  sent.push({ url: String(url), body: JSON.parse(init.body) });
  return fetch(url, init);
};
const settings = (path) => ({ apiKey: "unused", baseURL: base + path, fetch: fetching });
const speak = {
  chat: (id) => createOpenAI(settings("/v1")).chat(id),
  responses: (id) => createOpenAI(settings("/v1")).responses(id),
  anthropic: (id) => createAnthropic(settings("/v1"))(id),
  google: (id) => createGoogleGenerativeAI(settings("/v1beta"))(`models/${id}`),
}[protocol];
const model = speak(name);
// Told that nothing is stored, the SDK sends items that it would else only name.
const kept = protocol === "responses" ? { providerOptions: { openai: { store: false } } } : {};
const ask = { model, maxRetries: 0, maxOutputTokens: 200, ...kept };
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const SENTENCE = "Zürich – 水 flows, 🙂 and more.";

async function whole() {
  const answer = await generateText({ ...ask, system: "Be brief.", prompt: "Say something about rivers." });
  assert(answer.text && ["stop", "length"].includes(answer.finishReason), answer.finishReason);
  assert(answer.usage.inputTokens > 0 && answer.usage.outputTokens > 0, JSON.stringify(answer.usage));
  assert.equal(String(answer.usage.outputTokens), answer.response.headers["x-tokens-out"]);
  assert.equal(`${answer.response.headers["x-provider"]}/${answer.response.headers["x-model"]}`, name);
  assert.deepEqual(answer.warnings, [], JSON.stringify(answer.warnings));
}

async function streamed() {
  const prompt = `[[lab: say="${SENTENCE}"]]`;
  const answer = streamText({ ...ask, prompt });
  const kinds = [];
  let text = "";
  for await (const part of answer.fullStream) {
    assert.notEqual(part.type, "error", String(part.error));
    kinds.push(part.type);
    if (part.type === "text-delta") text += part.text;
  }
  assert.equal(text, SENTENCE);
  assert.equal(await answer.text, (await generateText({ ...ask, prompt })).text);
  assert.equal(await answer.finishReason, "stop");
  assert((await answer.usage).outputTokens > 0);
  assert.equal(kinds.filter((kind) => kind === "text-start").length, 1);
  assert.equal(kinds.at(-1), "finish");
}

/// Three turns of the SDK's own loop: two calls at once, two more after their results, then the answer.
async function agent() {
  const wanted = lacks.includes("parallel") ? 1 : 2;
  const last = lacks.includes("forced") ? 1 : 2;
  const city = z.object({ city: z.string() });
  for (const say of [generateText, streamText]) {
    const asked = [];
    const of = (what) => tool({
      description: `The ${what} of a city.`, inputSchema: city,
      execute: async (input) => (asked.push([what, input.city]), { [what]: "fine" }),
    });
    const answer = await say({
      ...ask, prompt: `Weather and clock of Basel, please. [[lab: calls=${wanted}]]`,
      tools: { weather: of("weather"), clock: of("clock") }, stopWhen: stepCountIs(5),
      prepareStep: ({ stepNumber }) => ({
        toolChoice: lacks.includes("forced") ? "auto" : stepNumber < last ? "required" : "none",
      }),
    });
    const [steps, text, reason] = [await answer.steps, await answer.text, await answer.finishReason];
    assert.equal(steps.length, last + 1, `${steps.length} steps`);
    for (const step of steps.slice(0, last)) {
      assert.equal(step.finishReason, "tool-calls");
      assert.equal(step.toolCalls.length, wanted, JSON.stringify(step.toolCalls));
      assert.equal(step.toolResults.length, wanted, JSON.stringify(step.content));
      assert.equal(new Set(step.toolCalls.map((call) => call.toolCallId)).size, wanted);
    }
    assert(text && reason === "stop", reason);
    assert(asked.length === last * wanted && asked.every(([, where]) => typeof where === "string"));
  }
}

const River = z.object({ name: z.string(), length_km: z.number().int(), navigable: z.boolean() });

async function structured() {
  const modes = protocol === "anthropic" ? ["outputFormat", "jsonTool"] : [undefined];
  for (const mode of modes) {
    const more = mode && { providerOptions: { anthropic: { structuredOutputMode: mode } } };
    // A schema in Anthropic's words may be a tool that is demanded, and no other beside it.
    if (mode === "jsonTool" && (lacks.includes("forced") || lacks.includes("serial"))) {
      const told = generateObject({ ...ask, ...more, schema: River, prompt: "The Rhine." });
      await assert.rejects(told, (error) => APICallError.isInstance(error) && error.statusCode === 422);
      continue;
    }
    const { object } = await generateObject({ ...ask, ...more, schema: River, prompt: "The Rhine." });
    assert(River.safeParse(object).success, JSON.stringify(object));
    if (lacks.includes("schema_stream")) continue;
    const answer = streamObject({ ...ask, ...more, schema: River, prompt: "The Rhine." });
    let pieces = 0;
    for await (const _ of answer.partialObjectStream) pieces++;
    assert(pieces > 0 && River.safeParse(await answer.object).success);
  }
}

async function pictures() {
  const by_url = protocol !== "google";
  const images = [["vision", PIXEL], ...(by_url ? [["image_url", "https://example.com/river.png"]] : [])];
  for (const [lack, image] of images) {
    const media = image === PIXEL ? { mediaType: "image/png" } : {};
    const messages = [{ role: "user", content: [{ type: "text", text: "What is it?" }, { type: "image", image, ...media }] }];
    const told = generateText({ ...ask, messages });
    if (lacks.includes(lack)) {
      await assert.rejects(told, (error) => APICallError.isInstance(error) && error.statusCode === 422);
    } else {
      assert((await told).text);
    }
    if (image !== PIXEL) assert(JSON.stringify(sent.at(-1).body).includes(image), "the SDK took the picture itself");
  }
}

async function errors() {
  await assert.rejects(generateText({ ...ask, model: speak("nobody/nothing"), prompt: "x" }), (error) => {
    assert(APICallError.isInstance(error), error);
    assert.equal(error.statusCode, 404);
    assert(!error.isRetryable && error.message.includes("nobody/nothing"), error.message);
    assert(error.data?.error, "the SDK could not read the error");
    return true;
  });
}

/// What may pass is asked again as often as it was told to; what will not is not.
async function retried() {
  const prompt = `x [[lab: first=1 fault=rate_limit retry_after=1 tag=vercel]]`;
  sent.length = 0;
  assert((await generateText({ ...ask, prompt, maxRetries: 3 })).text);
  assert(sent.length >= 2, `${sent.length} calls`);
  const down = "x [[lab: fault=server_error]]";
  sent.length = 0;
  await assert.rejects(generateText({ ...ask, prompt: down, maxRetries: 1 }), (error) => {
    assert(RetryError.isInstance(error) && error.reason === "maxRetriesExceeded", error);
    return error.errors.every((one) => APICallError.isInstance(one) && one.isRetryable);
  });
  assert.equal(sent.length, 2);
}

async function left() {
  const prompt = "x [[lab: tokens=300 reasoning=0 fault=slow_tokens ms=150]]";
  const stop = new AbortController();
  const answer = streamText({ ...ask, prompt, abortSignal: stop.signal, onError() {} });
  const kinds = [];
  for await (const part of answer.fullStream) {
    kinds.push(part.type);
    if (part.type === "text-delta") stop.abort();
  }
  assert(kinds.includes("abort") && !kinds.includes("finish"), kinds.join());
}

async function timeout() {
  const prompt = "x [[lab: fault=slow_head ms=3000]]";
  const told = generateText({ ...ask, prompt, abortSignal: AbortSignal.timeout(300) });
  await assert.rejects(told, (error) => ["TimeoutError", "AbortError"].includes(error.name));
}

/// A stream that is cut after content has an error in it and no end.
async function broken() {
  const prompt = "x [[lab: tokens=60 reasoning=0 fault=cut after=20]]";
  const kinds = [];
  for await (const part of streamText({ ...ask, prompt, onError() {} }).fullStream) kinds.push(part.type);
  assert(kinds.includes("error"), kinds.join());
  assert(kinds.filter((kind) => kind === "text-delta").length >= 3, kinds.join());
}

for (const story of [whole, streamed, agent, structured, pictures, errors, left, timeout, broken, retried]) {
  try {
    await story();
  } catch (error) {
    throw new Error(`${story.name} of ${name} through ${protocol}`, { cause: error });
  }
  console.log(`ok ${story.name}`);
}
