import { ROOT } from "../api/client";
import type { DeckView } from "../api/types";
import { LinkDialog } from "../kit/LinkDialog";

/** The link of a published deck. */
export function ShareDialog({ deck, open, onClose }: { deck: DeckView; open: boolean; onClose: () => void }) {
  const path = `${ROOT}d/${deck.id}`;
  return (
    <LinkDialog
      open={open}
      onClose={onClose}
      title="Share this deck"
      about="Anyone who has the link can see the deck as it is now and as it changes."
      url={deck.page_url ?? `${location.origin}${path}`}
      look={{ href: path, label: "Look at it" }}
    />
  );
}
