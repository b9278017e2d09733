// The AI SDK through weir to a real llama.cpp, in OpenAI's words and in Anthropic's. Prints id and figures.
// arguments: address, and where the SDK is.

import { createRequire } from "node:module";
import assert from "node:assert/strict";

const [base, place] = process.argv.slice(2);
const load = createRequire(`${place}/`);
const { generateText, streamText } = load("ai");
const settings = { apiKey: "unused", baseURL: `${base}/v1` };
const models = [load("@ai-sdk/openai").createOpenAI(settings).chat("auto"), load("@ai-sdk/anthropic").createAnthropic(settings)("auto")];

const told = ({ response, usage }) => {
  assert.equal(response.headers["x-provider"], "llama");
  console.log(JSON.stringify({ id: response.headers["x-request-id"], input: usage.inputTokens, output: usage.outputTokens }));
};
for (const model of models) {
  const ask = { model, system: "Be brief.", prompt: "Say hi.", maxOutputTokens: 6, maxRetries: 0 };
  const answer = await generateText(ask);
  assert(answer.text && ["stop", "length"].includes(answer.finishReason), answer.finishReason);
  told(answer);
  const stream = streamText(ask);
  const pieces = [];
  for await (const piece of stream.textStream) pieces.push(piece);
  assert(pieces.length >= 2, "tokens do not stream");
  assert.equal(pieces.join(""), await stream.text);
  told({ response: await stream.response, usage: await stream.usage });
}
