// The official @google/genai SDK against weir and the lab.
// arguments: address, model, and where the SDK is.

import { createRequire } from "node:module";
import assert from "node:assert/strict";

const [base, model, place] = process.argv.slice(2);
const { GoogleGenAI, ApiError, Type } = createRequire(`${place}/`)("@google/genai");
const connect = (more = {}) => new GoogleGenAI({ apiKey: "unused", httpOptions: { baseUrl: base, ...more } });
const ai = connect();
const contents = "Say something about rivers.";

async function whole() {
  const answer = await ai.models.generateContent({ model, contents, config: { maxOutputTokens: 20 } });
  assert(answer.text);
  assert(["STOP", "MAX_TOKENS"].includes(answer.candidates[0].finishReason));
  assert(answer.usageMetadata.totalTokenCount > 0);
}

async function all(stream) {
  const chunks = [];
  for await (const chunk of await stream) chunks.push(chunk);
  return chunks;
}

async function streamed(client = ai) {
  const chunks = await all(client.models.generateContentStream({ model, contents, config: { maxOutputTokens: 20 } }));
  assert(chunks.length > 3 && chunks.every((c) => c.candidates?.length));
  assert(chunks.map((c) => c.text ?? "").join("").length > 10);
  assert(["STOP", "MAX_TOKENS"].includes(chunks.at(-1).candidates[0].finishReason));
  assert(chunks.at(-1).usageMetadata.totalTokenCount > 0);
}

const trailer = () => streamed(connect({ headers: { "X-Weir-Trailer": "1" } }));

async function chat() {
  const talk = ai.chats.create({ model });
  assert((await talk.sendMessage({ message: contents })).text);
  assert((await all(talk.sendMessageStream({ message: "And lakes?" }))).length > 1);
  assert((await talk.sendMessage({ message: "And seas?" })).text);
  assert(talk.getHistory(true).length >= 6, "an answer was not taken for one");
}

async function agent() {
  const declared = (name) => ({
    name,
    parameters: { type: Type.OBJECT, properties: { city: { type: Type.STRING } }, required: ["city"] },
  });
  const config = { tools: [{ functionDeclarations: [declared("weather"), declared("clock")] }] };
  const talk = [{ role: "user", parts: [{ text: "Weather and time in Basel. [[lab: calls=2]]" }] }];
  const first = await ai.models.generateContent({ model, contents: talk, config });
  assert.equal(first.functionCalls.length, 2);
  talk.push(first.candidates[0].content, {
    role: "user",
    parts: first.functionCalls.map(({ id, name }) => ({
      functionResponse: { id, name, response: { output: "fine [[lab: calls=0]]" } },
    })),
  });
  const last = await ai.models.generateContent({ model, contents: talk, config });
  assert(last.text && !last.functionCalls);
}

async function counts() {
  assert((await ai.models.countTokens({ model, contents })).totalTokens > 0);
}

async function errors() {
  await assert.rejects(ai.models.generateContent({ model: "no-such-model", contents }), (error) => {
    assert(error instanceof ApiError && error.status === 404, error);
    return JSON.parse(error.message).error.details[0].metadata.code === "model_not_found";
  });
  const cut = "x [[lab: tokens=60 reasoning=0 fault=cut after=20]]";
  await assert.rejects(all(ai.models.generateContentStream({ model, contents: cut })), (error) => {
    return error instanceof ApiError && error.status === 502;
  });
}

for (const story of [whole, streamed, trailer, chat, agent, counts, errors]) {
  await story();
  console.log("ok", story.name);
}
