// What JavaScript's SDKs make of a stream that is kept alive before it begins: nothing.
// arguments: address, and where the SDKs are.

import { createRequire } from "node:module";
import assert from "node:assert/strict";

const [base, place] = process.argv.slice(2);
const load = createRequire(`${place}/`);
const OpenAI = load("openai").default;
const Anthropic = load("@anthropic-ai/sdk").default;
const { GoogleGenAI } = load("@google/genai");
const { streamText } = load("ai");
const { createOpenAI } = load("@ai-sdk/openai");
const { createAnthropic } = load("@ai-sdk/anthropic");
const { createGoogleGenerativeAI } = load("@ai-sdk/google");

const model = "auto";
const messages = [{ role: "user", content: "hi" }];
const settings = (path) => ({ apiKey: "unused", baseURL: base + path });
const openai = new OpenAI({ ...settings("/v1"), maxRetries: 0 });

async function joined(stream, text) {
  let said = "";
  for await (const piece of await stream) said += text(piece) ?? "";
  return said;
}

const vercel = (made) => async () => {
  let failed;
  const answer = streamText({ model: made, prompt: "hi", maxOutputTokens: 9, maxRetries: 0, onError: ({ error }) => { failed = error; } });
  const said = await joined(answer.textStream, (text) => text);
  assert.equal(failed, undefined);
  return said;
};

const stories = {
  chat: () => joined(openai.chat.completions.create({ model, messages, stream: true }), (c) => c.choices[0]?.delta.content),
  responses: async () => (await openai.responses.stream({ model, input: "hi" }).finalResponse()).output_text,
  messages: () => new Anthropic({ apiKey: "unused", baseURL: base, maxRetries: 0 })
    .messages.stream({ model, messages, max_tokens: 9 }).finalText(),
  generate: () => joined(new GoogleGenAI({ apiKey: "unused", httpOptions: { baseUrl: base } })
    .models.generateContentStream({ model, contents: "hi" }), (chunk) => chunk.text),
  vercel_chat: vercel(createOpenAI(settings("/v1")).chat(model)),
  vercel_responses: vercel(createOpenAI(settings("/v1")).responses(model)),
  vercel_messages: vercel(createAnthropic(settings("/v1"))(model)),
  vercel_generate: vercel(createGoogleGenerativeAI(settings("/v1beta"))(`models/${model}`)),
};

for (const [name, story] of Object.entries(stories)) {
  assert.equal(await story(), "well", name);
  console.log("ok", name);
}
