// What the runtime calls. worker-build's module is beside it as `core.js`: its class for events stands behind proxies and is
// made anew for each request, which costs as much as weir's own work; so requests go past it.

import weir, { Account } from "./core.js";

export { Account };

const { serve } = weir.prototype;

/** A body up to this size is taken in one piece, where it says its size. */
const WHOLE = 1_048_576;
const EMPTY = new Uint8Array();

/** WebAssembly has broken: it is to be made anew. */
let broken = false;

const head = (request) => {
  let text = `${request.method}\n${request.url}`;
  request.headers.forEach((value, name) => (text += `\n${name}\n${value}`));
  return text;
};

export default {
  fetch(request, env, ctx) {
    if (broken) {
      broken = false;
      // Making one looks after that.
      new weir(ctx, env);
    }
    const answer = new Promise((resolve, reject) => {
      const door = {
        resolve,
        reject(error) {
          broken = true;
          reject(error);
        },
      };
      const enter = (body) => {
        try {
          serve(door, request, env, head(request), body);
        } catch (error) {
          reportError(error);
          door.reject(error);
        }
      };
      if (request.body === null) return enter(EMPTY);
      const length = request.headers.get("content-length");
      if (length === null || !(Number(length) <= WHOLE)) return enter();
      request.arrayBuffer().then((buffer) => enter(new Uint8Array(buffer)), reject);
    });
    // A request is carried to its end though its client has gone, so that what it came to is known.
    ctx.waitUntil(answer);
    return answer;
  },

  scheduled: (event, env, ctx) => new weir(ctx, env).scheduled(event),
};
