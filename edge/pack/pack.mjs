// Makes a WebAssembly module small to send: without names, and with functions that are alike side by side.
//
//   node edge/pack/pack.mjs build/index_bg.wasm

import { readFileSync, writeFileSync } from "node:fs";
import { Module } from "./module.mjs";
import { order } from "./order.mjs";

const [path] = process.argv.slice(2);
const module = new Module(readFileSync(path));

// Numbers below 128 take one byte: those are of the functions that are called most, as wasm-opt has them.
const ordered = order(module.bodies, 128 - module.imported);
const packed = module.ordered(ordered);

// Put back, it is what it was; else something was taken for what it is not.
const back = [];
ordered.forEach((old, now) => (back[old] = now));
const same = ordered.map((_, at) => at).sort((a, b) => a - b);
if (!new Module(packed).ordered(back).equals(module.ordered(same))) throw new Error(`${path} cannot be put in order`);

writeFileSync(path, packed);
