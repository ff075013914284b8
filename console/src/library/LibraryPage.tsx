import { Page } from "../kit/Page";

export function LibraryPage() {
  return <Page title="Library">…</Page>;
}
