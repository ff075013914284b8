// Do the same to many things, a few at a time.
import { sentenceOf } from "../api/problem";

const AT_ONCE = 4;

/** What became of many things. */
export interface Outcome {
  done: number;
  /** Why the others refused: the sentences, each once. */
  refused: { count: number; reasons: string[] };
}

/** Do something to each, a few at a time; `onStep` hears how many are over. */
export async function each<Item>(
  items: readonly Item[],
  act: (item: Item) => Promise<unknown>,
  onStep: (over: number) => void,
): Promise<Outcome> {
  const waiting = [...items];
  const reasons = new Set<string>();
  let done = 0;
  let refused = 0;
  const work = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      try {
        await act(item);
        done += 1;
      } catch (thrown) {
        refused += 1;
        reasons.add(sentenceOf(thrown));
      }
      onStep(done + refused);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { done, refused: { count: refused, reasons: [...reasons] } };
}
