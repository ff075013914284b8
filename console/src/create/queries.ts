import { queryOptions } from "@tanstack/react-query";
import { api, data } from "../api/client";
import type { Collection } from "../api/types";

const MOST = 200;

/** What one can generate from: one's own published collections, then the public ones. */
export const collectionsQuery = queryOptions({
  queryKey: ["collections"],
  queryFn: async ({ signal }): Promise<Collection[]> => {
    const [mine, everybodys] = await Promise.all([
      data(
        api.GET("/api/collections", {
          params: { query: { status: "published", limit: MOST } },
          signal,
        }),
      ),
      data(
        api.GET("/api/collections/public", {
          params: { query: { limit: MOST } },
          signal,
        }),
      ),
    ]);
    const found = new Map<string, Collection>();
    for (const collection of [...mine, ...everybodys]) {
      if (!found.has(collection.id)) found.set(collection.id, collection);
    }
    return [...found.values()];
  },
});
