// What one does to outputs. Lists change at once; what the api refuses is put back and told.
import { type QueryClient, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, data } from "../api/client";
import type { Deck, LibraryItem, Output } from "../api/types";
import { numbered } from "../kit/format";
import { say } from "../kit/toasts";
import type { Filters } from "./filters";
import { itemsOf, type Loaded, patched, withBack, without } from "./lists";
import { outputQuery } from "./queries";

type Action =
  | { action: "star" | "unstar" | "hide" | "unhide" }
  | { action: "add_tags" | "remove_tags"; tags: string[] }
  | { action: "move_to_deck"; deck_id: string | null };
type Marks = Pick<Output, "starred" | "tags">;

const MOST_AT_ONCE = 500;

interface Outcome {
  changed: number;
  refused: { id: string; reason: string }[];
}

async function changeAll(ids: readonly string[], action: Action): Promise<Outcome> {
  const outcome: Outcome = { changed: 0, refused: [] };
  for (let at = 0; at < ids.length; at += MOST_AT_ONCE) {
    const body = { tags: [], ...action, ids: ids.slice(at, at + MOST_AT_ONCE) };
    const { changed, refused } = await data(api.POST("/outputs/bulk", { body }));
    outcome.changed += changed;
    outcome.refused.push(...refused);
  }
  return outcome;
}

/** Change what is loaded of all lists, or of those for which `where` holds. */
async function inLists(
  client: QueryClient,
  change: (loaded: Loaded, filters: Filters) => Loaded,
): Promise<void> {
  await client.cancelQueries({ queryKey: ["library"], predicate: ({ state }) => state.data !== undefined });
  for (const [key, loaded] of client.getQueriesData<Loaded>({ queryKey: ["library"] })) {
    if (loaded) client.setQueryData(key, change(loaded, (key[1] ?? {}) as Filters));
  }
}

/** Look again at one output of lists, wherever in them it is. */
export async function refreshItem(client: QueryClient, id: string): Promise<void> {
  const output = await client.fetchQuery({ ...outputQuery(id), staleTime: 0 });
  await inLists(client, (loaded) =>
    patched(loaded, new Set([id]), (item) => ({
      ...item,
      ...output,
      collection: item.collection,
      progress: null,
    })),
  );
}

/** Show other stars and tags everywhere. */
async function mark(
  client: QueryClient,
  ids: readonly string[],
  change: (marks: Marks) => Marks,
): Promise<void> {
  const wanted = new Set(ids);
  await inLists(client, (loaded) => patched(loaded, wanted, (item) => ({ ...item, ...change(item) })));
  for (const id of ids) {
    client.setQueryData<Output>(["outputs", id], (output) => output && { ...output, ...change(output) });
  }
}

/** Say how many could not be changed, and why the first of them could not. */
function tell({ refused }: Outcome): void {
  const [first] = refused;
  if (first) void say(`${numbered(refused.length, "output")} could not be changed: ${first.reason}`);
}

/** Star outputs, or take their stars away. */
export function useStar() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ ids, starred }: { ids: string[]; starred: boolean }) =>
      changeAll(ids, { action: starred ? "star" : "unstar" }),
    onMutate: ({ ids, starred }) => mark(client, ids, ({ tags }) => ({ tags, starred })),
    onSuccess: tell,
    onError: (_error, { ids, starred }) => mark(client, ids, ({ tags }) => ({ tags, starred: !starred })),
  });
}

/** Add tags to outputs, or take them away. */
export function useTag() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ ids, add = [], remove = [] }: { ids: string[]; add?: string[]; remove?: string[] }) =>
      changeAll(
        ids,
        add.length > 0 ? { action: "add_tags", tags: add } : { action: "remove_tags", tags: remove },
      ),
    onSuccess: async (outcome, { ids, add = [], remove = [] }) => {
      tell(outcome);
      const refused = new Set(outcome.refused.map(({ id }) => id));
      const changed = ids.filter((id) => !refused.has(id));
      await mark(client, changed, ({ starred, tags }) => ({
        starred,
        tags: [...new Set([...tags, ...add])].filter((tag) => !remove.includes(tag)).sort(),
      }));
      void client.invalidateQueries({ queryKey: ["tags"] });
    },
  });
}

/** Put outputs into a deck, or into none. */
export function useMove() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ ids, deck }: { ids: string[]; deck: Pick<Deck, "id" | "name"> | null }) =>
      changeAll(ids, { action: "move_to_deck", deck_id: deck?.id ?? null }),
    onSuccess: async (outcome, { ids, deck }) => {
      const refused = new Set(outcome.refused.map(({ id }) => id));
      const moved = new Set(ids.filter((id) => !refused.has(id)));
      if (moved.size > 0) {
        void say(
          `${numbered(moved.size, "output")} moved ${deck ? `to ${deck.name}` : "out of their decks"}.`,
        );
      }
      tell(outcome);
      const place = { deck_id: deck?.id ?? null, deck: deck && { id: deck.id, name: deck.name } };
      await inLists(client, (loaded, filters) =>
        filters.deck !== undefined && filters.deck !== deck?.id
          ? without(loaded, moved)
          : patched(loaded, moved, (item) => ({ ...item, ...place })),
      );
      for (const id of moved) void client.invalidateQueries({ queryKey: ["outputs", id], exact: true });
      void client.invalidateQueries({ queryKey: ["decks"] });
    },
  });
}

/** What lists lost, by the key of each. */
type Lost = [key: readonly unknown[], items: LibraryItem[]][];

/** Hide outputs, with the offer to take it back. */
export function useHide() {
  const client = useQueryClient();
  const { mutate: bringBack } = useBringBack();
  return useMutation({
    mutationFn: ({ ids }: { ids: string[] }) => changeAll(ids, { action: "hide" }),
    onMutate: async ({ ids }) => {
      const gone = new Set(ids);
      const lost = lostOf(client, gone);
      await inLists(client, (loaded, filters) => (filters.hidden ? loaded : without(loaded, gone)));
      return lost;
    },
    onSuccess: async (outcome, { ids }, lost) => {
      const refused = new Set(outcome.refused.map(({ id }) => id));
      await putBack(client, lost, refused);
      tell(outcome);
      const hidden = ids.filter((id) => !refused.has(id));
      if (hidden.length > 0) {
        void say(`${numbered(hidden.length, "output")} hidden.`, () => bringBack({ ids: hidden, lost }));
      }
      forget(client, hidden);
    },
    onError: (_error, { ids }, lost) => lost && putBack(client, lost, new Set(ids)),
  });
}

/** Bring hidden outputs back, into the lists that lost them. */
export function useBringBack() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ ids }: { ids: string[]; lost?: Lost }) => changeAll(ids, { action: "unhide" }),
    onSuccess: async (outcome, { ids, lost = [] }) => {
      tell(outcome);
      const refused = new Set(outcome.refused.map(({ id }) => id));
      const back = new Set(ids.filter((id) => !refused.has(id)));
      await inLists(client, (loaded, filters) => (filters.hidden ? without(loaded, back) : loaded));
      await putBack(client, lost, back);
      forget(client, [...back]);
    },
  });
}

function lostOf(client: QueryClient, ids: ReadonlySet<string>): Lost {
  return client
    .getQueriesData<Loaded>({ queryKey: ["library"] })
    .filter(([key]) => !(key[1] as Filters).hidden)
    .map(([key, loaded]) => [key, itemsOf(loaded).filter(({ id }) => ids.has(id))]);
}

async function putBack(client: QueryClient, lost: Lost, ids: ReadonlySet<string>): Promise<void> {
  if (ids.size === 0) return;
  await client.cancelQueries({ queryKey: ["library"], predicate: ({ state }) => state.data !== undefined });
  for (const [key, items] of lost) {
    const back = items.filter(({ id }) => ids.has(id));
    client.setQueryData<Loaded>(
      key,
      (loaded) => loaded && withBack(loaded, back, (key[1] as Filters).sort !== "oldest"),
    );
  }
}

/** Look again at what shows outputs that were hidden or brought back, and at lists that are not shown now. */
function forget(client: QueryClient, ids: readonly string[]): void {
  for (const id of ids) void client.invalidateQueries({ queryKey: ["outputs", id], exact: true });
  void client.invalidateQueries({
    queryKey: ["outputs"],
    predicate: ({ queryKey }) => queryKey.includes("lineage"),
  });
  void client.invalidateQueries({ queryKey: ["decks"] });
  client.removeQueries({
    queryKey: ["library"],
    type: "inactive",
    predicate: ({ queryKey }) => (queryKey[1] as Filters).hidden === true,
  });
}
