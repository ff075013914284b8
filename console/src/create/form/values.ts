// From what was typed to the variables of a request, and back. Pure.
import { type Integer, parse, stringify } from "../../api/json";
import { type Field, limitsOf, type NumberField, type SeedField, written } from "./fields";

/** What is in the fields, by name, as it was typed or chosen; empty: nothing. */
export type Draft = Readonly<Record<string, string>>;

/** What is wrong, by field. */
export type Faults = Readonly<Record<string, string>>;

export type Variables = Readonly<Record<string, unknown>>;

/** What a value that cannot be read is wrong about. */
class Fault extends Error {}

/** The draft of somebody who has not typed anything yet. */
export function freshDraft(fields: readonly Field[]): Draft {
  return Object.fromEntries(fields.map((field) => [field.name, field.usual]));
}

/** Read the fields into variables, and say what is wrong with those that cannot be read. */
export function variablesOf(
  fields: readonly Field[],
  draft: Draft,
): { variables: Variables; faults: Faults } {
  const variables: Record<string, unknown> = {};
  const faults: Record<string, string> = {};
  for (const field of fields) {
    try {
      const value = sentValue(field, draft[field.name] ?? "");
      if (value !== undefined) variables[field.name] = value;
    } catch (problem) {
      if (!(problem instanceof Fault)) throw problem;
      faults[field.name] = problem.message;
    }
  }
  return { variables, faults };
}

const MISSING: Partial<Record<Field["kind"], string>> = {
  file: "Choose a file.",
  choice: "Choose one.",
  switch: "Say yes or no.",
};

/** The value to send; undefined: none, the collection's own holds. */
function sentValue(field: Field, text: string): unknown {
  if (text.trim() === "") {
    if (field.required) throw new Fault(MISSING[field.kind] ?? "Fill this in.");
    return field.kind === "text" && field.usual !== "" ? text : undefined; // emptied on purpose
  }
  switch (field.kind) {
    case "text":
      if (field.longest !== null && [...text].length > field.longest) {
        throw new Fault(`Use at most ${field.longest} characters; these are ${[...text].length}.`);
      }
      return text;
    case "file":
      return text.trim();
    case "number":
    case "seed":
      return numberOf(field, text.trim());
    case "anything":
      return /^(true|false|-?\d+(\.\d+)?)$/.test(text.trim()) ? parse(text.trim()) : text;
    case "choice":
    case "switch":
      return parse(text);
  }
}

const WHOLE = /^[-+]?\d+$/;

function numberOf(field: NumberField | SeedField, text: string): Integer {
  const value = WHOLE.test(text) ? integer(text) : Number(text);
  const whole = field.kind === "seed" || field.whole;
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new Fault(whole ? "Enter a whole number." : "Enter a number.");
  }
  if (whole && typeof value === "number" && !Number.isInteger(value))
    throw new Fault("Enter a whole number.");
  const { least, most } = field;
  if ((least !== null && value < least) || (most !== null && value > most)) {
    throw new Fault(`Enter a ${whole ? "whole " : ""}number: ${limitsOf(field)}.`);
  }
  return value;
}

function integer(text: string): Integer {
  const exact = BigInt(text.replace("+", ""));
  const value = Number(exact);
  return Number.isSafeInteger(value) ? value : exact;
}

/** A draft of the variables that a job was made with. Names that the form does not have are returned too. */
export function restored(
  fields: readonly Field[],
  variables: Variables,
): { draft: Draft; unknown: string[] } {
  const draft: Record<string, string> = {};
  for (const field of fields) {
    const value = variables[field.name];
    if (value === undefined || value === null) draft[field.name] = field.drawn ? "" : field.usual;
    else draft[field.name] = field.kind === "choice" ? chosen(field.options, value) : written(value);
  }
  const names = new Set(fields.map((field) => field.name));
  return { draft, unknown: Object.keys(variables).filter((name) => !names.has(name)) };
}

/** An option may be sent by its value or by its name. */
function chosen(options: readonly { json: string; name: string }[], value: unknown): string {
  const json = stringify(value);
  return options.find((option) => option.json === json || option.name === value)?.json ?? "";
}

/** A stored draft as it fits the form now; what is not in it is as usual. */
export function fitted(fields: readonly Field[], stored: unknown): Draft {
  const old = typeof stored === "object" && stored !== null ? (stored as Record<string, unknown>) : {};
  return Object.fromEntries(
    fields.map((field) => {
      const value = old[field.name];
      if (typeof value !== "string") return [field.name, field.usual];
      const gone = field.kind === "choice" && !field.options.some((option) => option.json === value);
      return [field.name, gone ? field.usual : value];
    }),
  );
}

/** Draw a seed. Small ones are easier to read out and copy. */
export function drawnSeed(field: SeedField, random: () => number = Math.random): string {
  const least = BigInt(field.least);
  const most = BigInt(field.most) < least + 2n ** 32n - 1n ? BigInt(field.most) : least + 2n ** 32n - 1n;
  return (least + BigInt(Math.floor(random() * Number(most - least + 1n)))).toString();
}
