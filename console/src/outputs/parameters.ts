// What an output was made from, for people, and how two of them differ. Pure.
import { stringify } from "../api/json";

/** A variable with its value. */
export interface Parameter {
  name: string;
  value: unknown;
}

/** A variable of two outputs. */
export interface Difference {
  name: string;
  one: string | null;
  other: string | null;
}

/** Return the variables that an output was made with, the prompt first. Clients may have noted something else. */
export function parametersOf(inputMetadata: unknown): Parameter[] {
  if (!isRecord(inputMetadata)) return [];
  const variables = isRecord(inputMetadata.variables) ? inputMetadata.variables : inputMetadata;
  const all = Object.entries(variables).map(([name, value]) => ({ name, value }));
  return [...all.filter(({ name }) => name === "prompt"), ...all.filter(({ name }) => name !== "prompt")];
}

/** Write a value as people read it: texts as they are, integers with all their digits. */
export function written(value: unknown): string {
  return typeof value === "string" ? value : stringify(value, 2);
}

/** Return the parameters of two outputs that differ, and how many do not. */
export function compared(
  one: readonly Parameter[],
  other: readonly Parameter[],
): { different: Difference[]; same: number } {
  const names = [...new Set([...one, ...other].map(({ name }) => name))];
  const valueIn = (list: readonly Parameter[], name: string) => {
    const found = list.find((parameter) => parameter.name === name);
    return found ? written(found.value) : null;
  };
  const all = names.map((name) => ({ name, one: valueIn(one, name), other: valueIn(other, name) }));
  const different = all.filter((row) => row.one !== row.other);
  return { different, same: all.length - different.length };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
