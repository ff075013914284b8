// What a form asks for, read from the JSON Schema of a collection's variables. Pure.
import { type Integer, stringify } from "../../api/json";

/** One value that can be chosen. */
export interface Option {
  /** The value as JSON: a choice may be of texts, numbers, true and false. */
  json: string;
  name: string;
}

interface Common {
  name: string;
  label: string;
  /** A sentence about it; may be empty. */
  hint: string;
  /** The heading under which it is; may be empty. */
  group: string;
  required: boolean;
  /** What it is unless something is chosen, as the draft has it; empty: nothing. */
  usual: string;
  /** What a value may look like. */
  example: string;
  /** Whether each generation draws its own if nothing is sent. */
  drawn: boolean;
}

export interface TextField extends Common {
  kind: "text";
  longest: number | null;
  /** Whether people write more than a line. */
  long: boolean;
}

export interface NumberField extends Common {
  kind: "number";
  whole: boolean;
  least: Integer | null;
  most: Integer | null;
  step: number | null;
}

export interface SeedField extends Common {
  kind: "seed";
  least: Integer;
  most: Integer;
}

export interface ChoiceField extends Common {
  kind: "choice";
  options: readonly Option[];
}

export interface FileField extends Common {
  kind: "file";
  /** Which files it takes; null: any. */
  media: "image" | "video" | "audio" | null;
  /** Whether it is a picture that says which parts are meant. */
  mask: boolean;
}

/** `anything`: a text, a number, true or false. */
export interface PlainField extends Common {
  kind: "switch" | "anything";
}

export type Field = TextField | NumberField | SeedField | ChoiceField | FileField | PlainField;

/** The schema of one variable: docs/08-collections.md lists what it may have. */
interface Schema {
  title?: string;
  description?: string | null;
  type?: string | string[] | null;
  default?: unknown;
  examples?: string[] | null;
  oneOf?: { const: unknown; title: string }[] | null;
  minimum?: Integer | null;
  maximum?: Integer | null;
  maxLength?: number | null;
  "x-emprops-input"?: string;
  "x-emprops-order"?: number;
  "x-emprops-group"?: string | null;
  "x-emprops-step"?: number | null;
  "x-emprops-drawn"?: boolean | null;
}

/** The form of a collection, as `GET /api/collections/{id}/form` describes it. */
export interface Form {
  properties: Readonly<Record<string, unknown>>;
  required: readonly string[];
}

const LARGEST_SEED = 2n ** 64n - 1n;

/** Read what a form asks for, in its order. */
export function fieldsOf(form: Form): Field[] {
  const required = new Set(form.required);
  return Object.entries(form.properties)
    .map(([name, schema]) => [name, (schema ?? {}) as Schema] as const)
    .sort(([, one], [, other]) => (one["x-emprops-order"] ?? 0) - (other["x-emprops-order"] ?? 0))
    .map(([name, schema]) => fieldOf(name, schema, required.has(name)));
}

function fieldOf(name: string, schema: Schema, required: boolean): Field {
  const common: Common = {
    name,
    label: schema.title || name,
    hint: schema.description ?? "",
    group: schema["x-emprops-group"] ?? "",
    required,
    usual: written(schema.default),
    example: schema.examples?.[0] ?? "",
    drawn: schema["x-emprops-drawn"] === true,
  };
  const input = schema["x-emprops-input"] ?? "any";
  switch (input) {
    case "choice":
      return choiceOf(common, schema);
    case "number":
      return {
        ...common,
        kind: "number",
        whole: schema.type === "integer",
        least: schema.minimum ?? null,
        most: schema.maximum ?? null,
        step: schema["x-emprops-step"] ?? (schema.type === "integer" ? 1 : null),
      };
    case "seed":
      return { ...common, kind: "seed", least: schema.minimum ?? 0, most: schema.maximum ?? LARGEST_SEED };
    case "switch":
      return { ...common, kind: "switch" };
    case "image":
    case "mask":
      return { ...common, kind: "file", media: "image", mask: input === "mask" };
    case "video":
    case "audio":
      return { ...common, kind: "file", media: input, mask: false };
    case "file":
      return { ...common, kind: "file", media: null, mask: false };
    case "text":
    case "multiline":
      return { ...common, kind: "text", longest: schema.maxLength ?? null, long: input === "multiline" };
    default:
      return { ...common, kind: "anything" };
  }
}

function choiceOf(common: Common, schema: Schema): ChoiceField {
  return {
    ...common,
    kind: "choice",
    options: (schema.oneOf ?? []).map((one) => ({ json: stringify(one.const), name: one.title })),
    usual: schema.default === undefined || schema.default === null ? "" : stringify(schema.default),
  };
}

/** Fields under one heading; the heading may be empty. */
export interface Group {
  heading: string;
  fields: readonly Field[];
}

/** Put fields under their headings, which come in the order of their first fields; those without one come first. */
export function groupsOf(fields: readonly Field[]): Group[] {
  const headings = [...new Set(fields.map((field) => field.group))];
  headings.sort((one, other) => Number(one !== "") - Number(other !== ""));
  return headings.map((heading) => ({ heading, fields: fields.filter((field) => field.group === heading) }));
}

/** Write a value as a field shows it. */
export function written(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? stringify(value, 2) : String(value);
}

const SLIDER_STEPS = 100;

/** Return the range of a slider for a number; null where a slider would be too coarse or has no ends. */
export function sliderOf(field: NumberField): { least: number; most: number; step: number } | null {
  if (field.least === null || field.most === null) return null;
  const [least, most] = [Number(field.least), Number(field.most)];
  const range = most - least;
  if (!(range > 0)) return null;
  if (field.step !== null)
    return range / field.step <= SLIDER_STEPS ? { least, most, step: field.step } : null;
  return range <= SLIDER_STEPS ? { least, most, step: 10 ** Math.floor(Math.log10(range / 10)) } : null;
}

/** Say within which limits a number has to be: "0 to 10"; empty if there are none. */
export function limitsOf(field: NumberField | SeedField): string {
  const { least, most } = field;
  if (least !== null && most !== null) return `${least} to ${most}`;
  if (least !== null) return `${least} or more`;
  return most !== null ? `${most} or less` : "";
}
