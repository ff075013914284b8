// What a failed request tells a person.

/** A failure of the api, or of the way to it. `message` is one sentence for people. */
export class Problem extends Error {
  constructor(
    message: string,
    /** HTTP status; 0 if there was no answer. */
    readonly status: number,
    /** A stable word, such as `not_enough_credits`. */
    readonly code: string,
    /** The reply's other keys, such as `needed` and `available` of a 402. */
    readonly reply: Readonly<Record<string, unknown>> = {},
    /** Seconds after which to try again, if the api says so. */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
    this.name = "Problem";
  }

  /** Whether the same request may succeed later: the way is blocked, not the request. */
  get passes(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 502;
  }

  /** Whether what was asked for is not there, not for this person, or has no such id. */
  get isOfMissing(): boolean {
    return this.status === 404 || this.status === 400;
  }
}

/** Make a problem of a reply that is a failure. */
export function problemOf(response: Response, body: unknown): Problem {
  const reply = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const { error, userMessage, code } = reply;
  const sentence = [userMessage, error].find((text) => typeof text === "string" && text !== "");
  const after = Number(response.headers.get("Retry-After"));
  return new Problem(
    typeof sentence === "string" ? sentence : `The server answered ${response.status}.`,
    response.status,
    typeof code === "string" ? code : `http_${response.status}`,
    reply,
    Number.isFinite(after) && after > 0 ? after : null,
  );
}

/** The sentence to show for anything that was thrown. */
export function sentenceOf(thrown: unknown): string {
  if (thrown instanceof Problem) return thrown.message;
  return "Something in this page went wrong. Reload it, and report this if it happens again.";
}
