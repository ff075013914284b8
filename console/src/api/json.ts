// JSON that keeps integers exact: seeds go up to 2^64 − 1, and a double stops at 2^53.

/** An integer as it travels in JSON: a bigint where a number could not hold it. */
export type Integer = number | bigint;

type Reviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown;
type ParseWithSource = (text: string, reviver: Reviver) => unknown;

const MAY_BE_LARGE = /\d{16}/;
const INTEGER = /^-?\d+$/;

/** Parse JSON; integers beyond 2^53 become bigints. */
export function parse(text: string): unknown {
  return MAY_BE_LARGE.test(text) ? (JSON.parse as ParseWithSource)(text, exact) : JSON.parse(text);
}

function exact(this: unknown, _key: string, value: unknown, context: { source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value) || context.source === undefined) return value;
  return INTEGER.test(context.source) ? BigInt(context.source) : value;
}

/** Write JSON; bigints become plain integers. */
export function stringify(value: unknown, indent?: number): string {
  const raw = JSON as unknown as { rawJSON(text: string): unknown };
  return JSON.stringify(
    value,
    (_key, one: unknown) => (typeof one === "bigint" ? raw.rawJSON(one.toString()) : one),
    indent,
  );
}
