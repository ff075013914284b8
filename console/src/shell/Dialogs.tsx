import { useNavigate } from "@tanstack/react-router";
import { type ComponentType, lazy, Suspense } from "react";
import { useHotkeys } from "../kit/hotkeys";
import type { Opener } from "../kit/opener";
import { palette, sessions, shortcuts } from "./dialogs";
import { PLACES } from "./places";

const Palette = lazy(() => import("./Palette").then(({ Palette: found }) => ({ default: found })));
const ShortcutList = lazy(() =>
  import("./ShortcutList").then(({ ShortcutList: found }) => ({
    default: found,
  })),
);
const SessionList = lazy(() =>
  import("../session/SessionList").then(({ SessionList: found }) => ({
    default: found,
  })),
);

/** The dialogs that every page can open, and their keys. */
export function Dialogs() {
  const navigate = useNavigate();
  useHotkeys([
    {
      keys: "mod+k",
      does: "Go to a page, a collection or an id",
      whileWriting: true,
      run: palette.open,
    },
    ...PLACES.map(({ to, label, key }) => ({
      keys: `g ${key}`,
      does: `Go to ${label}`,
      run: () => void navigate({ to }),
    })),
    { keys: "?", does: "Show this list", run: shortcuts.open },
  ]);
  return (
    <>
      <Once opener={palette} dialog={Palette} />
      <Once opener={shortcuts} dialog={ShortcutList} />
      <Once opener={sessions} dialog={SessionList} />
    </>
  );
}

function Once({ opener, dialog: Dialog }: { opener: Opener; dialog: ComponentType }) {
  if (!opener.useWasOpened()) return null;
  return (
    <Suspense fallback={null}>
      <Dialog />
    </Suspense>
  );
}
