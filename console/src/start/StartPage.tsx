import { Page } from "../kit/Page";

export function StartPage() {
  return <Page title="Home">…</Page>;
}
