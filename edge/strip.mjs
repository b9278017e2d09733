// Takes the names of functions out of a WebAssembly module: nothing reads them where it runs, and they are sent along.
//
//   node edge/strip.mjs build/index_bg.wasm

import { readFileSync, writeFileSync } from "node:fs";

const [path] = process.argv.slice(2);
const bytes = readFileSync(path);
const kept = [bytes.subarray(0, 8)];
let at = 8;

const number = () => {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return value;
  }
};

while (at < bytes.length) {
  const begin = at;
  const id = bytes[at++];
  const size = number();
  const end = at + size;
  // Custom sections are 0, and begin with their name.
  const name = id === 0 ? bytes.subarray(at + 1, at + 1 + bytes[at]).toString() : "";
  if (name !== "name") kept.push(bytes.subarray(begin, end));
  at = end;
}
writeFileSync(path, Buffer.concat(kept));
