import { Page } from "../kit/Page";

export function CollectionPage() {
  return <Page title="Create">…</Page>;
}
