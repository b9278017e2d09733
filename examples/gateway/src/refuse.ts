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

/** A caller's own id where it is sane, as weir has it; else a new one. Both sides then log the same. */
export function requestId(headers: Headers): string {
  const asked = headers.get("x-request-id") ?? "";
  return /^[A-Za-z0-9_.:-]{1,128}$/.test(asked) ? asked : crypto.randomUUID();
}
