import { Page } from "../kit/Page";

export function JobPage() {
  return <Page title="Job">…</Page>;
}
