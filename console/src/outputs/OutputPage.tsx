import { Page } from "../kit/Page";

export function OutputPage() {
  return <Page title="Output">…</Page>;
}
