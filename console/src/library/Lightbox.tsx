import { Dialog as Base } from "@base-ui/react/dialog";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ChevronLeft, ChevronRight, Info, Maximize2, X } from "lucide-react";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import type { LibraryItem } from "../api/types";
import { count } from "../kit/format";
import { useHotkeys } from "../kit/hotkeys";
import { IconButton } from "../kit/IconButton";
import { ProblemNote, Skeleton } from "../kit/states";
import { recall, remember } from "../kit/storage";
import { Actions } from "../outputs/Actions";
import { useHide, useStar } from "../outputs/changes";
import { Details } from "../outputs/Details";
import { kindOf, localUrl } from "../outputs/kinds";
import { nameOf } from "../outputs/names";
import { outputQuery } from "../outputs/queries";
import { useMe } from "../session/queries";
import styles from "./Lightbox.module.css";
import { Stage } from "./Stage";

/** How near the end of what is loaded more is asked for. */
const AHEAD = 10;

interface Props {
  id: string;
  items: readonly LibraryItem[];
  onGo: (id: string) => void;
  onClose: () => void;
  /** Load more of the list; undefined while there is no more, or more is on its way. */
  onEnd: (() => void) | undefined;
}

/** One output of the library on a dark stage, with its neighbours an arrow away. */
export function Lightbox({ id, items, onGo, onClose, onEnd }: Props) {
  const at = items.findIndex((item) => item.id === id);
  const item = items[at];
  const popup = useRef<HTMLDivElement>(null);
  const [hasPanel, setPanel] = useState(() => recall("panel") !== "closed");
  const togglePanel = () => {
    remember("panel", hasPanel ? "closed" : null);
    setPanel(!hasPanel);
  };
  const go = (step: 1 | -1) => {
    const next = at < 0 ? undefined : items[at + step];
    if (next) onGo(next.id);
  };
  const onArrow = ({ key, target }: KeyboardEvent) => {
    const hasItsOwn = target instanceof Element && target.closest("video,audio,pre") !== null;
    if (key === "ArrowLeft" && !hasItsOwn) go(-1);
    if (key === "ArrowRight" && !hasItsOwn) go(1);
  };
  const leave = () => {
    const next = items[at + 1] ?? items[at - 1];
    if (at >= 0 && next) onGo(next.id);
    else onClose();
  };
  useLightboxKeys(popup, id, item, togglePanel, leave);
  useNeighbours(items, at);
  useEffect(() => {
    if (at >= 0 && at + AHEAD >= items.length) onEnd?.();
  }, [at, items.length, onEnd]);

  return (
    <Base.Root open onOpenChange={(now) => !now && onClose()}>
      <Base.Portal>
        <Base.Popup
          ref={popup}
          className={styles.popup}
          initialFocus={popup}
          finalFocus={false}
          onKeyDown={onArrow}
        >
          <div className={styles.stage}>
            <Shown key={id} id={id} item={item} onSwipe={go} />
            <header className={styles.top}>
              <Base.Close render={<IconButton label="Close" shortcut="Esc" />}>
                <X />
              </Base.Close>
              <Base.Title className={styles.title}>{item ? nameOf(item) : "Output"}</Base.Title>
              {at >= 0 && (
                <span className={styles.place}>
                  {count(at + 1)} of {count(items.length)}
                  {onEnd ? "+" : ""}
                </span>
              )}
              <IconButton label="Details" shortcut="I" pressed={hasPanel} onClick={togglePanel}>
                <Info />
              </IconButton>
            </header>
            {at > 0 && (
              <IconButton label="Previous" shortcut="←" className={styles.previous} onClick={() => go(-1)}>
                <ChevronLeft />
              </IconButton>
            )}
            {at >= 0 && at < items.length - 1 && (
              <IconButton label="Next" shortcut="→" className={styles.next} onClick={() => go(1)}>
                <ChevronRight />
              </IconButton>
            )}
          </div>
          {hasPanel && (
            <aside className={styles.panel} aria-label="Details">
              <Panel id={id} onHidden={leave} />
            </aside>
          )}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

/** The file itself: from the list at once, else when it is loaded. Only then is it known who plays a video. */
function Shown({
  id,
  item,
  onSwipe,
}: {
  id: string;
  item: LibraryItem | undefined;
  onSwipe: (step: 1 | -1) => void;
}) {
  const isVideo = item !== undefined && kindOf(item.mime_type) === "video";
  const output = useQuery({ ...outputQuery(id), enabled: item === undefined || isVideo });
  const shown = isVideo ? output.data : (item ?? output.data);
  if (shown) return <Stage output={shown} onSwipe={onSwipe} />;
  if (output.isError) return <ProblemNote problem={output.error} onRetry={() => output.refetch()} />;
  return null;
}

function Panel({ id, onHidden }: { id: string; onHidden: () => void }) {
  const output = useQuery(outputQuery(id));
  if (output.isError) return null; // the stage says it
  if (!output.data) return <Skeleton className={styles.waiting} />;
  return (
    <>
      <Actions output={output.data} onHidden={onHidden} />
      {output.data.error_message && <p className={styles.problem}>{output.data.error_message}</p>}
      <Details output={output.data} />
      <Link to="/o/$id" params={{ id }} className={styles.page}>
        <Maximize2 aria-hidden />
        Open its page
      </Link>
    </>
  );
}

/** Of keys that are only listed: the dialog itself takes them. */
const never = () => false;

function useLightboxKeys(
  popup: { current: HTMLElement | null },
  id: string,
  item: LibraryItem | undefined,
  togglePanel: () => void,
  leave: () => void,
): void {
  const star = useStar();
  const hide = useHide();
  const mayChange = !useMe().reads_only;
  const isHere = ({ target }: Event) =>
    target === document.body || (target instanceof Node && popup.current?.contains(target) === true);
  useHotkeys([
    { keys: "ArrowLeft", does: "The one before", when: never, run: () => {} },
    { keys: "ArrowRight", does: "The next one", when: never, run: () => {} },
    { keys: "i", does: "Show or leave out the details", when: isHere, run: togglePanel },
    {
      keys: "s",
      does: "Star",
      when: (event) => mayChange && isHere(event),
      run: () => item && star.mutate({ ids: [id], starred: !item.starred }),
    },
    {
      keys: "x",
      does: "Hide",
      when: (event) => mayChange && isHere(event) && item !== undefined && item.status !== "hidden",
      run: () => {
        leave();
        hide.mutate({ ids: [id] });
      },
    },
    { keys: "Escape", does: "Close", when: never, run: () => {} },
  ]);
}

/** Load the pictures on both sides, so that they are there when one goes on. */
function useNeighbours(items: readonly LibraryItem[], at: number): void {
  const urls = at < 0 ? [] : [items[at + 1], items[at - 1], items[at + 2]].map((item) => pictureOf(item));
  const wanted = urls.filter(Boolean).join("\n");
  useEffect(() => {
    for (const url of wanted.split("\n")) if (url) new Image().src = url;
  }, [wanted]);
}

function pictureOf(item: LibraryItem | undefined): string | null {
  return item?.url && kindOf(item.mime_type) === "image" ? localUrl(item.url) : null;
}
