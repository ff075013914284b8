import type { LibraryItem, Output } from "../api/types";
import { parametersOf } from "./parameters";

const LONGEST = 120;

/** What an output is called: the beginning of its prompt, else its collection's title. */
export function nameOf(output: Pick<LibraryItem, "collection" | "prompt"> | Output): string {
  const prompt = "prompt" in output ? output.prompt : promptOf(output);
  if (!prompt) return output.collection.title;
  return prompt.length > LONGEST ? `${prompt.slice(0, LONGEST)}…` : prompt;
}

/** The prompt that an output was made with, in full. */
export function promptOf(output: Output): string | null {
  const prompt = parametersOf(output.input_metadata).find(({ name }) => name === "prompt")?.value;
  return typeof prompt === "string" && prompt !== "" ? prompt : null;
}
