// What the address of the list of decks says.

export const DECK_STATUSES = ["active", "published", "locked", "archived"] as const;
export type DeckStatus = (typeof DECK_STATUSES)[number];

export interface DecksSearch {
  status?: DeckStatus;
}

/** Read the address; what makes no sense is left out. */
export function decksSearch(raw: Record<string, unknown>): DecksSearch {
  const status = DECK_STATUSES.find((one) => one === raw.status);
  return status ? { status } : {};
}
