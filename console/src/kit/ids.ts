const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Return whether something is the id of anything in the api. */
export function isId(value: unknown): value is string {
  return typeof value === "string" && ID.test(value);
}
