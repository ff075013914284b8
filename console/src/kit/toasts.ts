// What is said in passing. The code that shows it is loaded with the first message.
import { sentenceOf } from "../api/problem";
import { opener } from "./opener";

/** Whether anything was ever said. */
export const toasts = opener();

const LONG = 8000;
const SHORT = 4000;

/** Say in passing that something was done; with `undo`, offer to take it back. */
export async function say(sentence: string, undo?: () => void): Promise<void> {
  const manager = await listening();
  manager.add({
    title: sentence,
    timeout: undo ? LONG : SHORT,
    ...(undo ? { data: { undo } } : {}),
  });
}

/** Say in passing what went wrong. */
export async function complain(thrown: unknown): Promise<void> {
  const manager = await listening();
  manager.add({
    title: sentenceOf(thrown),
    type: "problem",
    priority: "high",
    timeout: LONG,
  });
}

/** Load what shows messages, and return their manager when it does. */
async function listening() {
  toasts.open();
  const { manager, isShown } = await import("./toastManager");
  await isShown;
  return manager;
}
