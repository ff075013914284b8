// What one most likely wants to create from. Pure.
import type { Collection, ListedJob } from "../api/types";

type Used = Pick<ListedJob, "collection_id">;

/** Return collections, those that were used last first, then those that need no file, then the others. */
export function likely(
  collections: readonly Collection[],
  jobs: readonly Used[],
  most: number,
): Collection[] {
  const last = (id: string) => {
    const index = jobs.findIndex((job) => job.collection_id === id);
    return index === -1 ? jobs.length : index;
  };
  return collections
    .map((collection) => ({ collection, last: last(collection.id), needs: collection.input_type ? 1 : 0 }))
    .sort((one, other) => one.last - other.last || one.needs - other.needs)
    .slice(0, most)
    .map(({ collection }) => collection);
}
