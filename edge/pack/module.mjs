// A WebAssembly module, as far as it takes to give its functions another order: every place that names a function by its
// number is found and rewritten. What is not known here is an error, never a guess.

const TYPE = { custom: 0, import: 2, function: 3, global: 6, export: 7, start: 8, element: 9, code: 10 };

class Reader {
  constructor(bytes, at = 0, end = bytes.length) {
    Object.assign(this, { bytes, at, end });
  }

  byte() {
    return this.bytes[this.at++];
  }

  /** A number of up to 32 bits. */
  number() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  }

  /** Over so many numbers, whatever they say. */
  over(count = 1) {
    for (; count > 0; count -= 1) while (this.byte() >= 128);
  }

  take(count) {
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }
}

const number = (value) => {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
};

const section = (id, contents) => Buffer.concat([Buffer.from([id, ...number(contents.length)]), contents]);

/** Over one instruction; the number of the function that it names, or nothing. Leaves the reader behind it. */
const instruction = (from) => {
  const code = from.byte();
  if (code === 0x10 || code === 0x12 || code === 0xd2) return from.number();
  if ((code >= 0x02 && code <= 0x04) || code === 0x0c || code === 0x0d || code === 0xd0) from.over();
  // Exceptions: blocks that catch, in the two ways there are, and what is thrown.
  else if (code >= 0x06 && code <= 0x09) from.over();
  else if (code === 0x18) from.over();
  else if (code === 0x1f) {
    from.over();
    for (let clauses = from.number(); clauses > 0; clauses -= 1) from.over(from.byte() < 2 ? 2 : 1);
  } else if (code === 0x0e) from.over(from.number() + 1);
  else if (code === 0x11 || code === 0x13) from.over(2);
  else if (code === 0x1c) from.over(from.number());
  else if (code >= 0x20 && code <= 0x26) from.over();
  else if (code >= 0x28 && code <= 0x3e) from.over(2);
  else if (code >= 0x3f && code <= 0x42) from.over();
  else if (code === 0x43) from.take(4);
  else if (code === 0x44) from.take(8);
  else if (code === 0xfc) {
    const more = from.number();
    if (more > 17) throw new Error(`unknown instruction fc ${more}`);
    if (more > 7) from.over([8, 10, 12, 14].includes(more) ? 2 : 1);
  } else if (
    ![0x00, 0x01, 0x05, 0x0a, 0x0b, 0x0f, 0x19, 0x1a, 0x1b, 0xd1].includes(code) &&
    !(code >= 0x45 && code <= 0xc4)
  ) {
    throw new Error(`unknown instruction ${code.toString(16)}`);
  }
};

/** A stretch of code with its functions' numbers rewritten. `whole`: to its end, else to the end of an expression. */
const rewritten = (from, renumber, whole) => {
  const parts = [];
  let kept = from.at;
  let depth = 0;
  while (from.at < from.end) {
    const code = from.bytes[from.at];
    const begin = from.at;
    const named = instruction(from);
    if (named !== undefined) {
      parts.push(from.bytes.subarray(kept, begin + 1), Buffer.from(number(renumber(named))));
      kept = from.at;
    }
    if ((code >= 0x02 && code <= 0x04) || code === 0x06 || code === 0x1f) depth += 1;
    else if (code === 0x0b && depth-- === 0 && !whole) break;
  }
  parts.push(from.bytes.subarray(kept, from.at));
  return Buffer.concat(parts);
};

/** A function's body: its locals are left as they are. */
const body = (bytes, renumber) => {
  const from = new Reader(bytes);
  for (let groups = from.number(); groups > 0; groups -= 1) {
    from.over();
    from.byte();
  }
  return Buffer.concat([bytes.subarray(0, from.at), rewritten(from, renumber, true)]);
};

const globals = (from, renumber) => {
  const count = from.number();
  const parts = [Buffer.from(number(count))];
  for (let at = 0; at < count; at += 1) parts.push(from.take(2), rewritten(from, renumber, false));
  return Buffer.concat(parts);
};

const exports = (from, renumber) => {
  const count = from.number();
  const parts = [Buffer.from(number(count))];
  for (let at = 0; at < count; at += 1) {
    const name = from.take(from.number());
    const kind = from.byte();
    const index = from.number();
    parts.push(Buffer.from([...number(name.length), ...name, kind, ...number(kind === 0 ? renumber(index) : index)]));
  }
  return Buffer.concat(parts);
};

const elements = (from, renumber) => {
  const count = from.number();
  const parts = [Buffer.from(number(count))];
  for (let at = 0; at < count; at += 1) {
    const flags = from.number();
    parts.push(Buffer.from(number(flags)));
    if ((flags & 3) === 2) parts.push(Buffer.from(number(from.number())));
    if (!(flags & 1)) parts.push(rewritten(from, renumber, false));
    if (flags & 3) parts.push(from.take(1));
    const items = from.number();
    parts.push(Buffer.from(number(items)));
    for (let item = 0; item < items; item += 1) {
      parts.push(flags & 4 ? rewritten(from, renumber, false) : Buffer.from(number(renumber(from.number()))));
    }
  }
  return Buffer.concat(parts);
};

const imported = (from) => {
  let functions = 0;
  for (let count = from.number(); count > 0; count -= 1) {
    from.take(from.number());
    from.take(from.number());
    const kind = from.byte();
    if (kind === 0) {
      functions += 1;
      from.over();
    } else if (kind === 3) from.take(2);
    else if (kind === 1 || kind === 2) {
      if (kind === 1) from.byte();
      from.over(from.number() & 1 ? 2 : 1);
    } else if (kind === 4) from.over(2);
    else throw new Error(`unknown import ${kind}`);
  }
  return functions;
};

export class Module {
  constructor(bytes) {
    const from = new Reader(bytes, 8);
    this.head = bytes.subarray(0, 8);
    this.sections = [];
    this.imported = 0;
    while (from.at < from.end) {
      const id = from.byte();
      const contents = from.take(from.number());
      // Names of functions and of tools: nothing reads them where it runs.
      if (id !== TYPE.custom) this.sections.push([id, contents]);
      const inner = new Reader(contents);
      if (id === TYPE.import) this.imported = imported(inner);
      if (id === TYPE.function) this.types = Array.from({ length: inner.number() }, () => inner.number());
      if (id === TYPE.code) this.bodies = Array.from({ length: inner.number() }, () => inner.take(inner.number()));
    }
  }

  /** The module with its functions in this order, a list of which comes first, second … of those that are there now. */
  ordered(order) {
    const place = new Uint32Array(order.length);
    order.forEach((old, now) => (place[old] = now));
    const renumber = (index) => (index < this.imported ? index : this.imported + place[index - this.imported]);
    const changed = {
      [TYPE.function]: () => Buffer.from([order.length, ...order.map((old) => this.types[old])].flatMap(number)),
      [TYPE.global]: globals,
      [TYPE.export]: exports,
      [TYPE.start]: (from) => Buffer.from(number(renumber(from.number()))),
      [TYPE.element]: elements,
      [TYPE.code]: () => {
        const bodies = order.map((old) => body(this.bodies[old], renumber));
        return Buffer.concat([
          Buffer.from(number(order.length)),
          ...bodies.flatMap((bytes) => [Buffer.from(number(bytes.length)), bytes]),
        ]);
      },
    };
    return Buffer.concat([
      this.head,
      ...this.sections.map(([id, contents]) =>
        section(id, changed[id]?.(new Reader(contents), renumber) ?? contents),
      ),
    ]);
  }
}
