// What the server found wrong, by field. Pure.
import type { Problem } from "../../api/problem";
import type { Faults } from "./values";

/** Return what a refusal says of variables, for those that the form has; empty if it is about something else. */
export function faultsOf(problem: Problem, names: readonly string[]): Faults {
  const known = new Set(names);
  const faults: Record<string, string> = {};
  for (const [name, sentence] of told(problem.reply.details)) {
    if (known.has(name)) faults[name] = asSentence(sentence);
  }
  return faults;
}

/** `details` are by name, or a list of `{field, problem}`. */
function told(details: unknown): [string, string][] {
  if (Array.isArray(details)) {
    return details.flatMap((one: { field?: unknown; problem?: unknown }) =>
      typeof one?.field === "string" && typeof one.problem === "string"
        ? [[one.field.replace(/^variables\./, ""), one.problem] as [string, string]]
        : [],
    );
  }
  if (typeof details !== "object" || details === null) return [];
  return Object.entries(details).filter((one): one is [string, string] => typeof one[1] === "string");
}

/** "is required: a text" → "Is required: a text." */
function asSentence(text: string): string {
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
}

/** What a refusal for want of credits says, with what is missing. */
export function creditSentence(problem: Problem): string {
  const { needed, available } = problem.reply;
  if (problem.code !== "not_enough_credits" || typeof needed !== "number" || typeof available !== "number") {
    return problem.message;
  }
  const missing = Math.round((needed - available) * 1e6) / 1e6;
  return `This costs ${needed} credits and you have ${available}: ${missing} more ${missing === 1 ? "is" : "are"} needed.`;
}
