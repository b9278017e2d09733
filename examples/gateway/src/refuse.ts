// Errors that the gateway itself has to tell, in weir's own words.

const OPENAI: Record<number, string> = {
  401: "authentication_error",
  403: "permission_error",
  404: "invalid_request_error",
  503: "server_error",
};
const ANTHROPIC: Record<number, string> = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  503: "overloaded_error",
};
const GOOGLE: Record<number, string> = {
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  503: "UNAVAILABLE",
};

/** In the shape of the protocol that was asked in: Anthropic's, Google's, OpenAI's under `/v1/`, SI's elsewhere. */
export function refuse(
  path: string,
  id: string,
  status: number,
  code: string,
  message: string,
  more: Record<string, string> = {},
): Response {
  const body = told(path, id, status, code, message);
  return Response.json(body, { status, headers: { "x-request-id": id, ...more } });
}

function told(path: string, id: string, status: number, code: string, message: string): object {
  if (/^\/v1\/messages(\/|$)/.test(path)) {
    const error = { type: ANTHROPIC[status] ?? "invalid_request_error", message, code, param: null };
    return { type: "error", error, request_id: id };
  }
  if (path.startsWith("/v1beta/") || /^\/v1\/models\/.+:/.test(path)) {
    const type = "type.googleapis.com/google.rpc.ErrorInfo";
    const info = { "@type": type, reason: code.toUpperCase(), domain: "weir", metadata: { code, request_id: id } };
    return { error: { code: status, message, status: GOOGLE[status] ?? "INVALID_ARGUMENT", details: [info] } };
  }
  const kind = path.startsWith("/v1/") ? { type: OPENAI[status] ?? "invalid_request_error" } : { status };
  return { error: { message, ...kind, param: null, code, request_id: id } };
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
