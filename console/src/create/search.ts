// What the URLs of these pages say. Pure.
import { isId } from "../kit/ids";

/** `/create`: words to look for. */
export interface ChoiceSearch {
  q?: string;
}

/** `/create/{collection}`. */
export interface StudioSearch {
  /** The job on the stage. */
  job?: string;
  /** A job whose variables the form is to have. */
  from?: string;
  /** An output of one's own that the form is to take as its file. */
  input?: string;
}

export function choiceSearch(search: Record<string, unknown>): ChoiceSearch {
  return typeof search.q === "string" && search.q !== "" ? { q: search.q } : {};
}

export function studioSearch(search: Record<string, unknown>): StudioSearch {
  const found: StudioSearch = {};
  for (const name of ["job", "from", "input"] as const) {
    const value = search[name];
    if (isId(value)) found[name] = value;
  }
  return found;
}

/** Whether each of the words begins a word of a text. */
export function matches(text: string, words: string): boolean {
  const there = ` ${text.toLowerCase()}`;
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => there.includes(word));
}
