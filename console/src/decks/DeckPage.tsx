import { Page } from "../kit/Page";

export function DeckPage() {
  return <Page title="Deck">…</Page>;
}
