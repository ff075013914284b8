// Which requests are the same request. Pure.

/** A request to generate that was sent. */
export interface Submission {
  /** What was asked for. */
  text: string;
  /** The `Idempotency-Key` it was sent with. */
  key: string;
  /** Milliseconds, when it was answered; null while it is under way, or if no answer came. */
  answered: number | null;
}

/** Milliseconds after an answer within which a press still belongs to the one before: a double press. */
const DOUBLE_PRESS = 700;

/** The key for a request: that of the last one, if it is the same and may be under way, or was pressed twice. */
export function keyFor(text: string, last: Submission | null, now: number, fresh: () => string): string {
  const again =
    last !== null && last.text === text && (last.answered === null || now - last.answered < DOUBLE_PRESS);
  return again ? last.key : fresh();
}

/** A key that nobody else has. `crypto.randomUUID` is missing where a page came over plain http. */
export function freshKey(): string {
  return [...crypto.getRandomValues(new Uint32Array(4))]
    .map((one) => one.toString(16).padStart(8, "0"))
    .join("");
}
