import {
  infiniteQueryOptions,
  type QueryClient,
  queryOptions,
  useMutation,
  useQueryClient,
} from "@tanstack/react-query";
import { api, data, whole } from "../api/client";
import type { Output } from "../api/types";
import { type Filters, queryOf } from "./filters";
import { type ListPart, type Loaded, withTop } from "./lists";

const PART = 100;
const KEPT = 30 * 60_000;

/** One's outputs, part by part. What changes them changes what is loaded; it is not loaded again by itself. */
export function listQuery(filters: Filters) {
  return infiniteQueryOptions({
    queryKey: ["library", filters],
    queryFn: ({ pageParam, signal }) => loadPart(filters, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (part) => part.next_cursor,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: KEPT,
  });
}

function loadPart(filters: Filters, cursor: string | null, signal?: AbortSignal): Promise<ListPart> {
  const query = { ...queryOf(filters), limit: PART, ...(cursor ? { cursor } : { count: true }) };
  return whole(api.GET("/outputs", { params: { query }, ...(signal ? { signal } : {}) }));
}

/** Look again at the top of a list, where what is new appears. */
export async function refreshTop(client: QueryClient, filters: Filters): Promise<void> {
  const { queryKey } = listQuery(filters);
  if (client.getQueryData<Loaded>(queryKey) === undefined) return;
  const top = await loadPart(filters, null);
  await client.cancelQueries({ queryKey, exact: true }); // a part that arrives later would put back the old top
  client.setQueryData<Loaded>(
    queryKey,
    (loaded) => loaded && withTop(loaded, top, filters.sort !== "oldest"),
  );
}

/** One output with everything about it. */
export function outputQuery(id: string) {
  return queryOptions({
    queryKey: ["outputs", id],
    queryFn: ({ signal }): Promise<Output> =>
      data(api.GET("/outputs/{output_id}", { params: { path: { output_id: id } }, signal })),
  });
}

/** What an output was developed from, and what was developed from it. */
export function lineageQuery(id: string) {
  return queryOptions({
    queryKey: ["outputs", id, "lineage"],
    queryFn: ({ signal }) =>
      data(api.GET("/outputs/{output_id}/lineage", { params: { path: { output_id: id } }, signal })),
  });
}

/** One's tags, those that most outputs have first. */
export const tagsQuery = queryOptions({
  queryKey: ["tags"],
  queryFn: ({ signal }) => data(api.GET("/outputs/tags", { signal })),
});

/** What outputs of a kind can be developed with. */
export function developersQuery(input_type: "image" | "video" | "text") {
  return queryOptions({
    queryKey: ["developers", input_type],
    queryFn: ({ signal }) =>
      data(
        api.GET("/outputs/develop/collections", { params: { query: { input_type, limit: 200 } }, signal }),
      ),
    staleTime: 60_000,
  });
}

/** Develop an output with a collection, as it is without being asked for anything. */
export function useDevelop(output_id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ collection, key }: { collection: string; key: string }) =>
      whole(
        api.POST("/outputs/{output_id}/develop", {
          params: { path: { output_id }, header: { "Idempotency-Key": key } },
          body: { collection_id: collection, variables: {}, strict: false },
        }),
      ),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["outputs", output_id, "lineage"] });
      void client.invalidateQueries({ queryKey: ["credits"] });
    },
  });
}
