import { queryOptions } from "@tanstack/react-query";
import { api, data } from "../api/client";

/** One's decks, the newest first. */
export const decksQuery = queryOptions({
  queryKey: ["decks"],
  queryFn: ({ signal }) => data(api.GET("/decks", { params: { query: { limit: 200 } }, signal })),
});
