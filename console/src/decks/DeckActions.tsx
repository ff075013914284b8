import { Archive, ArchiveRestore, Ellipsis, Globe, Lock, LockOpen, Pencil, Share2 } from "lucide-react";
import { useState } from "react";
import type { DeckView } from "../api/types";
import { Button } from "../kit/Button";
import { ConfirmDialog } from "../kit/Dialog";
import { IconButton } from "../kit/IconButton";
import { Menu, MenuItem, MenuSeparator } from "../kit/Menu";
import { say } from "../kit/toasts";
import { DescribeDialog } from "./DescribeDialog";
import { useChangeDeck } from "./queries";
import { ShareDialog } from "./ShareDialog";
import type { DeckStatus } from "./search";

type Open = "describe" | "publish" | "lock" | "share" | null;

const SAID: Record<DeckStatus, string> = {
  active: "The deck takes results again, and only you see it.",
  published: "The deck is published.",
  locked: "The deck is locked.",
  archived: "The deck is archived.",
};

/** What its owner can do with a deck. */
export function DeckActions({ deck }: { deck: DeckView }) {
  const [open, setOpen] = useState<Open>(null);
  const change = useChangeDeck(deck.id);
  const close = () => setOpen(null);
  const become = (status: DeckStatus, then?: Open, undo?: DeckStatus) =>
    change.mutate(
      { status },
      {
        onSuccess: () => {
          setOpen(then ?? null);
          void say(SAID[status], undo && (() => change.mutate({ status: undo })));
        },
      },
    );
  return (
    <>
      {deck.status === "published" && (
        <Button look="primary" icon={<Share2 />} onClick={() => setOpen("share")}>
          Share
        </Button>
      )}
      {deck.status === "active" && (
        <Button look="primary" icon={<Globe />} onClick={() => setOpen("publish")}>
          Publish
        </Button>
      )}
      {deck.status === "locked" && (
        <Button icon={<LockOpen />} busy={change.isPending} onClick={() => become("active")}>
          Unlock
        </Button>
      )}
      {deck.status === "archived" && (
        <Button icon={<ArchiveRestore />} busy={change.isPending} onClick={() => become("active")}>
          Bring back
        </Button>
      )}
      <DeckMenu deck={deck} onOpen={setOpen} onBecome={become} />
      <DescribeDialog deck={deck} open={open === "describe"} onClose={close} />
      <ShareDialog deck={deck} open={open === "share"} onClose={close} />
      <ConfirmDialog
        open={open === "publish"}
        onClose={close}
        title="Publish this deck?"
        about="Anyone who has its link can see it, without signing in. It keeps taking results that are moved into it. You can take it back at any time."
        verb="Publish"
        look="primary"
        icon={<Globe />}
        refusal="Not now"
        busy={change.isPending}
        onConfirm={() => become("published", "share")}
      />
      <ConfirmDialog
        open={open === "lock"}
        onClose={close}
        title="Lock this deck?"
        about="Nothing is added to it and nothing can be moved out of it, not even by jobs that are running. Only you see it. You can unlock it later."
        verb="Lock"
        look="primary"
        icon={<Lock />}
        refusal="Not now"
        busy={change.isPending}
        onConfirm={() => become("locked")}
      />
    </>
  );
}

interface MenuProps {
  deck: DeckView;
  onOpen: (what: Open) => void;
  onBecome: (status: DeckStatus, then?: Open, undo?: DeckStatus) => void;
}

function DeckMenu({ deck, onOpen, onBecome }: MenuProps) {
  const { status } = deck;
  return (
    <Menu
      trigger={
        <IconButton label="More to do with the deck">
          <Ellipsis />
        </IconButton>
      }
    >
      <MenuItem icon={<Pencil />} onSelect={() => onOpen("describe")}>
        Rename and describe
      </MenuItem>
      {status === "published" && (
        <MenuItem icon={<Globe />} onSelect={() => onBecome("active")}>
          No longer publish it
        </MenuItem>
      )}
      {(status === "active" || status === "published") && (
        <MenuItem icon={<Lock />} onSelect={() => onOpen("lock")}>
          Lock
        </MenuItem>
      )}
      {status !== "archived" && (
        <>
          <MenuSeparator />
          <MenuItem icon={<Archive />} danger onSelect={() => onBecome("archived", null, "active")}>
            Archive
          </MenuItem>
        </>
      )}
    </Menu>
  );
}
