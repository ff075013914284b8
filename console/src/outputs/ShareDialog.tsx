import type { Output } from "../api/types";
import { dateOf } from "../kit/format";
import { LinkDialog } from "../kit/LinkDialog";

interface Props {
  open: boolean;
  onClose: () => void;
  output: Output;
}

/** The link with which everybody can see an output. */
export function ShareDialog({ open, onClose, output }: Props) {
  const url = output.watch_url;
  if (!url) return null;
  const expiry = Number(new URL(url).searchParams.get("t")?.split(".")[0]);
  const about = expiry
    ? `Everybody who has the link can see this output until ${dateOf(expiry * 1000)}, and nothing else of yours.`
    : "It is in a published deck, so everybody who has the link can see it.";
  const look = { href: url, label: "See what others see" };
  return <LinkDialog open={open} onClose={onClose} title="Share" about={about} url={url} look={look} />;
}
