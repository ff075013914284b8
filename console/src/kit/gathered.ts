/** Milliseconds after which what does not end is not waited for. */
const LONGEST = 30_000;

const wait = (time: number) => new Promise((over) => setTimeout(over, time));

/**
 * Return a function that has something done: at once, and for all who ask while it is under way once more afterwards, at
 * most every `pause` milliseconds.
 */
export function gathered(work: () => Promise<unknown>, pause: number): () => void {
  let isBusy = false;
  let isWanted = false;
  const run = async () => {
    isBusy = true;
    while (isWanted) {
      isWanted = false;
      await Promise.allSettled([Promise.race([work(), wait(LONGEST)]), wait(pause)]);
    }
    isBusy = false;
  };
  return () => {
    isWanted = true;
    if (!isBusy) void run();
  };
}
