import { Page } from "../kit/Page";

export function DecksPage() {
  return <Page title="Decks">…</Page>;
}
