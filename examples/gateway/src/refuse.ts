// Errors that the gateway itself has to tell, in weir's own words.

const TYPES: Record<number, string> = {
  401: "authentication_error",
  403: "permission_error",
  404: "invalid_request_error",
  503: "server_error",
};

/** OpenAI's shape under `/v1/`, SI's elsewhere. */
export function refuse(
  path: string,
  id: string,
  status: number,
  code: string,
  message: string,
  more: Record<string, string> = {},
): Response {
  const kind = path.startsWith("/v1/") ? { type: TYPES[status] ?? "invalid_request_error" } : { status };
  const body = { error: { message, ...kind, param: null, code, request_id: id } };
  return Response.json(body, { status, headers: { "x-request-id": id, ...more } });
}

/** Whether a caller's own id can be kept, as weir has it. */
export function isSane(asked: string | null): asked is string {
  return asked !== null && /^[A-Za-z0-9_.:-]{1,128}$/.test(asked);
}

/** A caller's own id where it is sane, else a new one: for answers that weir has no part in. */
export function requestId(headers: Headers): string {
  const asked = headers.get("x-request-id");
  return isSane(asked) ? asked : crypto.randomUUID();
}
