import { Page } from "../kit/Page";

export function CreatePage() {
  return <Page title="Create">…</Page>;
}
