// By what lists of outputs are filtered. Pure.

/** The filters and the order. */
export interface Filters {
  q?: string;
  type?: "image" | "video" | "audio" | "text";
  status?: "completed" | "processing" | "pending" | "failed";
  collection?: string;
  deck?: string;
  tag?: string[];
  /** Days as `2026-05-10`, both included. */
  since?: string;
  until?: string;
  starred?: true;
  hidden?: true;
  sort?: "oldest";
}

/** Return the api's parameters for filters. Days are those of the reader's clock. */
export function queryOf(filters: Filters) {
  const { type, collection, deck, since, until, ...same } = filters;
  return {
    ...same,
    ...(type ? { media_type: type } : {}),
    ...(collection ? { collection_id: collection } : {}),
    ...(deck ? { deck_id: deck } : {}),
    ...(since ? { since: midnight(since, 0) } : {}),
    ...(until ? { until: midnight(until, 1) } : {}),
  };
}

function midnight(day: string, later: number): string {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  return new Date(year, month - 1, date + later).toISOString();
}

/** Whether anything is filtered. */
export function isFiltered({ sort: _sort, ...filters }: Filters): boolean {
  return Object.keys(filters).length > 0;
}
