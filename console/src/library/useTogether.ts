import { useNavigate } from "@tanstack/react-router";
import type { LibraryItem } from "../api/types";
import { say } from "../kit/toasts";
import { useHide, useStar } from "../outputs/changes";
import { lessened, type Selection } from "./selection";

/** What is done to all that are selected; if nothing is, to the tile that the keys act on. */
export function useTogether(
  items: readonly LibraryItem[],
  activeId: string | null,
  ids: ReadonlySet<string>,
  select: (change: (selection: Selection) => Selection) => void,
) {
  const star = useStar();
  const hide = useHide();
  const navigate = useNavigate();
  const active = activeId === null ? [] : [activeId];
  const concerned = ids.size > 0 ? [...ids] : active;

  const onStar = () => {
    const starred = new Map(items.map((item) => [item.id, item.starred]));
    const wanted = concerned.some((id) => !starred.get(id));
    const changed = concerned.filter((id) => starred.get(id) !== wanted);
    if (changed.length > 0) star.mutate({ ids: changed, starred: wanted });
  };
  const onHide = () => {
    const gone = concerned.filter((id) => items.find((item) => item.id === id)?.status !== "hidden");
    if (gone.length === 0) return;
    hide.mutate({ ids: gone });
    if (ids.size > 0) select((now) => lessened(now, gone));
  };
  const onCompare = () => {
    const order = new Map(items.map((item, at) => [item.id, at]));
    const [a, b] = [...ids].sort((one, other) => (order.get(one) ?? 0) - (order.get(other) ?? 0));
    if (ids.size === 2 && a && b) void navigate({ to: "/compare", search: { a, b } });
    else void say("Select two outputs to compare them.");
  };
  return { onStar, onHide, onCompare };
}
