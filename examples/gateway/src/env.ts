/** What wrangler.toml binds. */
export interface Env {
  /** weir, over a service binding. It has no public route of its own. */
  WEIR: Fetcher;
  /** Cache-aside for what changes rarely. Without it every read goes to weir. */
  GLOBAL_CACHE?: KVNamespace;
  /** Signs context tokens; weir knows the same secret by the same name. 32 bytes or more. */
  WEIR_CONTEXT_SECRET: string;
  /** What weir's `service.context` expects; `gateway` and `weir` without a word. */
  CONTEXT_ISSUER?: string;
  CONTEXT_AUDIENCE?: string;
  /** Web pages that may call, separated by commas. Exact origins; empty is none. */
  ALLOWED_ORIGINS?: string;
  /** The demo's callers: JSON of SHA-256 to who that is. A real gateway asks its own user database. */
  DEMO_CALLERS?: string;
}

/** Who is calling, as this gateway found out. */
export interface Identity {
  /** Whose account pays: 1 to 128 letters, digits or `_.:-`. */
  tenant: string;
  user?: string;
  plan?: string;
}
