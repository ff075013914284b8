import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, data } from "../api/client";
import type { Deck, DeckOutput } from "../api/types";
import type { DeckStatus } from "./search";

const MOST = 200;
const COLLAGE = 4;
/** Outputs that are loaded at once. */
const PART = 200;

/** One's decks, the newest first, without those that are archived. */
export const decksQuery = queryOptions({
  queryKey: ["decks"],
  queryFn: ({ signal }) => data(api.GET("/decks", { params: { query: { limit: MOST } }, signal })),
});

/** One's decks in a state. */
export function decksByStatusQuery(status: DeckStatus) {
  return queryOptions({
    queryKey: ["decks", "by status", status],
    queryFn: ({ signal }) => data(api.GET("/decks", { params: { query: { limit: MOST, status } }, signal })),
  });
}

/** The first outputs of a deck, for its card. */
export function collageQuery(deck_id: string) {
  return queryOptions({
    queryKey: ["decks", deck_id, "collage"],
    queryFn: async ({ signal }) => {
      const query = { limit: COLLAGE };
      return (await data(api.GET("/decks/{deck_id}", { params: { path: { deck_id }, query }, signal })))
        .outputs;
    },
    staleTime: 60_000,
  });
}

/** A deck with its outputs, part by part. */
export function deckQuery(deck_id: string) {
  return infiniteQueryOptions({
    queryKey: ["decks", deck_id, "whole"],
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: PART, offset: pageParam };
      return data(api.GET("/decks/{deck_id}", { params: { path: { deck_id }, query }, signal }));
    },
    initialPageParam: 0,
    getNextPageParam: (part, parts) => (part.outputs.length < PART ? null : parts.length * PART),
  });
}

/** What is needed for a new deck. */
export interface NewDeck {
  collection_id: string;
  name: string | null;
}

/** Make a deck. `handlesErrors`: the caller shows what went wrong; else it is told in passing. */
export function useCreateDeck({ handlesErrors = false } = {}) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: NewDeck): Promise<Deck> => data(api.POST("/decks", { body })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["decks"] }),
    meta: { handlesErrors },
  });
}

/** What can be changed of a deck. */
export interface DeckChanges {
  name?: string;
  description?: string | null;
  cover_output_id?: string | null;
  status?: DeckStatus;
}

/** Change a deck. */
export function useChangeDeck(deck_id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: DeckChanges) =>
      data(api.PATCH("/decks/{deck_id}", { params: { path: { deck_id } }, body })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["decks"] }),
  });
}

/** A new order of a deck's outputs, and how many of them, from the first, are where they were not. */
interface Order {
  outputs: readonly DeckOutput[];
  changed: number;
}

/** Put outputs into an order. It shows at once, and is taken back if the api refuses it. */
export function useReorder(deck_id: string) {
  const client = useQueryClient();
  const { queryKey } = deckQuery(deck_id);
  return useMutation({
    mutationFn: ({ outputs, changed }: Order) =>
      data(
        api.PATCH("/decks/{deck_id}/order", {
          params: { path: { deck_id } },
          body: { output_ids: outputs.slice(0, changed).map(({ id }) => id) },
        }),
      ),
    onMutate: async ({ outputs }) => {
      await client.cancelQueries({ queryKey });
      const before = client.getQueryData(queryKey);
      client.setQueryData(queryKey, (loaded) => {
        if (!loaded) return loaded;
        const pages = loaded.pages.map((part, index) => ({
          ...part,
          outputs: outputs.slice(index * PART, (index + 1) * PART),
        }));
        return { ...loaded, pages };
      });
      return before;
    },
    onError: (_error, _order, before) => client.setQueryData(queryKey, before),
    onSettled: () => client.invalidateQueries({ queryKey: ["decks", deck_id] }),
  });
}

/** Take an output out of its deck, or put it into one. */
export function useMoveOutput() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ output_id, deck_id }: { output_id: string; deck_id: string | null }) =>
      data(api.PATCH("/outputs/{output_id}/deck", { params: { path: { output_id } }, body: { deck_id } })),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["decks"] });
      void client.invalidateQueries({ queryKey: ["outputs"] });
      void client.invalidateQueries({ queryKey: ["library"] });
    },
  });
}
