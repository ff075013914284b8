/** The id of a field's control. */
export function idOf(name: string): string {
  return `variable-${name}`;
}
