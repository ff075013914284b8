import { Page } from "../kit/Page";

export function JobsPage() {
  return <Page title="Jobs">…</Page>;
}
