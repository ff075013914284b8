import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, data } from "../api/client";
import { parse } from "../api/json";
import type { Collection } from "../api/types";
import type { Variables } from "./form/values";

const MOST = 200;
const RECENT = 60;

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

/** A collection, by its id or short name. */
export function collectionQuery(ref: string) {
  return queryOptions({
    queryKey: ["collections", ref],
    queryFn: ({ signal }): Promise<Collection> =>
      data(api.GET("/api/collections/{collection_id}", { params: { path: { collection_id: ref } }, signal })),
  });
}

/** What a collection asks for. */
export function formQuery(ref: string) {
  return queryOptions({
    queryKey: ["collections", ref, "form"],
    queryFn: ({ signal }) =>
      data(
        api.GET("/api/collections/{collection_id}/form", {
          params: { path: { collection_id: ref } },
          signal,
        }),
      ),
  });
}

/** What a generation would cost. The variables come as JSON, which is the same for the same ones. */
export function priceQuery(ref: string, variables: string) {
  return queryOptions({
    queryKey: ["price", ref, variables],
    queryFn: ({ signal }) =>
      data(
        api.POST("/api/collections/{collection_id}/price", {
          params: { path: { collection_id: ref } },
          body: { variables: parse(variables) as Record<string, unknown> },
          signal,
        }),
      ),
    staleTime: 60_000,
  });
}

/** One's newest finished outputs, for collections that have no cover. */
export const coversQuery = queryOptions({
  queryKey: ["outputs", "covers"],
  queryFn: ({ signal }) =>
    data(api.GET("/outputs", { params: { query: { status: "completed", limit: MOST } }, signal })),
});

/** One's newest jobs of a collection. */
export function recentJobsQuery(collectionId: string) {
  return queryOptions({
    queryKey: ["jobs", "recent", collectionId],
    queryFn: ({ signal }) =>
      data(
        api.GET("/api/jobs", { params: { query: { collection_id: collectionId, limit: RECENT } }, signal }),
      ),
  });
}

/** What a job makes. */
export function jobOutputsQuery(jobId: string, outputIds: readonly string[]) {
  return queryOptions({
    queryKey: ["outputs", "of job", jobId, outputIds],
    queryFn: ({ signal }) =>
      Promise.all(
        outputIds.map((output_id) =>
          data(api.GET("/outputs/{output_id}", { params: { path: { output_id } }, signal })),
        ),
      ),
  });
}

/** One asset. */
export function assetQuery(id: string) {
  return queryOptions({
    queryKey: ["assets", id],
    queryFn: ({ signal }) =>
      data(api.GET("/assets/{asset_id}", { params: { path: { asset_id: id } }, signal })),
  });
}

export type Media = "image" | "video" | "audio";

/** One's files of a kind, the newest first: those that were uploaded. */
export function assetsQuery(media: Media | null) {
  return queryOptions({
    queryKey: ["assets", "newest", media],
    queryFn: ({ signal }) =>
      data(
        api.GET("/assets", {
          params: { query: { limit: RECENT, ...(media ? { media_type: media } : {}) } },
          signal,
        }),
      ),
  });
}

/** One's files of a kind, the newest first: those that were made. */
export function resultsQuery(media: Media | null) {
  return queryOptions({
    queryKey: ["outputs", "results", media],
    queryFn: ({ signal }) =>
      data(
        api.GET("/outputs", {
          params: { query: { status: "completed", limit: RECENT, ...(media ? { media_type: media } : {}) } },
          signal,
        }),
      ),
  });
}

interface Wanted {
  variables: Variables;
  /** The same key twice starts one job. */
  key: string;
}

/** Start a generation. */
export function useGenerate(collectionId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationKey: ["generate", collectionId],
    mutationFn: ({ variables, key }: Wanted) =>
      data(
        api.POST("/api/collections/{collection_id}/generate", {
          params: { path: { collection_id: collectionId }, header: { "Idempotency-Key": key } },
          body: { variables, create_output: true, strict: false },
        }),
      ),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["credits"] });
    },
    meta: { handlesErrors: true },
  });
}
