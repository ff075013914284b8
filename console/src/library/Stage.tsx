import { type PointerEvent, type RefObject, useCallback, useEffect, useRef, useState } from "react";
import type { LibraryItem, Output } from "../api/types";
import { classes } from "../kit/classes";
import { Status } from "../kit/states";
import { Growing } from "../outputs/Growing";
import { kindOf, localUrl } from "../outputs/kinds";
import { Media } from "../outputs/Media";
import { nameOf } from "../outputs/names";
import styles from "./Lightbox.module.css";
import { FITTING, kept, type Size, type View, zoomed } from "./zoom";

/** Pixels that a finger moves to turn the page. */
const SWIPE = 60;
/** Pixels that a pointer may move in a click. */
const STILL = 6;

/** An output as large as fits. Pictures can be enlarged. */
export function Stage({
  output,
  onSwipe,
}: {
  output: LibraryItem | Output;
  onSwipe: (step: 1 | -1) => void;
}) {
  if (output.status === "pending" || output.status === "processing") {
    return (
      <div className={styles.growing}>
        <Growing output={output} />
      </div>
    );
  }
  if (output.status === "failed") {
    return (
      <div className={styles.note}>
        <Status status="failed" />
        <p>{output.error_message}</p>
      </div>
    );
  }
  if (kindOf(output.mime_type) === "image" && output.url) {
    return <Picture url={localUrl(output.url)} alt={nameOf(output)} onSwipe={onSwipe} />;
  }
  return (
    <div className={styles.media}>
      <Media file={output} alt={nameOf(output)} />
    </div>
  );
}

function Picture({ url, alt, onSwipe }: { url: string; alt: string; onSwipe: (step: 1 | -1) => void }) {
  const stage = useRef<HTMLButtonElement>(null);
  const picture = useRef<HTMLImageElement>(null);
  const [view, setView] = useState(FITTING);
  const begun = useRef<{ x: number; y: number; view: View } | null>(null);
  useWheel(stage, picture, setView);

  const onPointerDown = (event: PointerEvent) => {
    if (event.button !== 0) return;
    begun.current = { x: event.clientX, y: event.clientY, view };
    if (view.scale > 1) event.currentTarget.setPointerCapture(event.pointerId);
  };
  const onPointerMove = (event: PointerEvent) => {
    const from = begun.current;
    const sizes = sizesOf(stage, picture);
    if (!from || !sizes || from.view.scale === 1) return;
    const { x, y, scale } = from.view;
    setView(kept({ scale, x: x + event.clientX - from.x, y: y + event.clientY - from.y }, ...sizes));
  };
  const onPointerUp = (event: PointerEvent) => {
    const from = begun.current;
    begun.current = null;
    const sizes = sizesOf(stage, picture);
    if (!from || !sizes) return;
    const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
    if (Math.hypot(dx, dy) <= STILL) {
      const natural = (picture.current?.naturalWidth ?? 0) / sizes[1].width;
      const factor = Math.max(2, natural);
      setView(view.scale > 1 ? FITTING : zoomed(view, factor, pointOf(event, stage), ...sizes));
    } else if (
      view.scale === 1 &&
      event.pointerType === "touch" &&
      Math.abs(dx) > SWIPE &&
      Math.abs(dx) > Math.abs(dy)
    ) {
      onSwipe(dx < 0 ? 1 : -1);
    }
  };
  const { scale, x, y } = view;
  return (
    <button
      type="button"
      ref={stage}
      className={classes(styles.picture, scale > 1 && styles.large)}
      aria-label={scale > 1 ? "Fit the picture" : "Enlarge the picture"}
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onPointerUp={onPointerUp}
      onPointerCancel={() => {
        begun.current = null;
      }}
      onClick={(event) => event.detail === 0 && setView((now) => enlarged(now, sizesOf(stage, picture)))}
    >
      <img
        ref={picture}
        src={url}
        alt={alt}
        draggable={false}
        style={{ transform: `translate(${x}px, ${y}px) scale(${scale})` }}
      />
    </button>
  );
}

/** What a press of Enter on the picture makes of its view. */
function enlarged(view: View, sizes: [Size, Size] | null): View {
  return view.scale > 1 || !sizes ? FITTING : zoomed(view, 2, { x: 0, y: 0 }, ...sizes);
}

/** Enlarge with the wheel. By hand, because React's listeners for wheels cannot keep the page from moving. */
function useWheel(
  stage: RefObject<HTMLElement | null>,
  picture: RefObject<HTMLImageElement | null>,
  setView: (change: (view: View) => View) => void,
): void {
  const turn = useCallback(
    (event: WheelEvent) => {
      event.preventDefault();
      const sizes = sizesOf(stage, picture);
      const factor = Math.exp(-event.deltaY * (event.deltaMode === 0 ? 0.002 : 0.05));
      if (sizes) setView((view) => zoomed(view, factor, pointOf(event, stage), ...sizes));
    },
    [stage, picture, setView],
  );
  useEffect(() => {
    const found = stage.current;
    found?.addEventListener("wheel", turn, { passive: false });
    return () => found?.removeEventListener("wheel", turn);
  }, [stage, turn]);
}

/** The sizes of the stage and of the picture as it fits into it. */
function sizesOf(
  stage: RefObject<HTMLElement | null>,
  picture: RefObject<HTMLImageElement | null>,
): [Size, Size] | null {
  const room = stage.current;
  const shown = picture.current;
  if (!room || !shown) return null;
  const size = (element: HTMLElement): Size => ({ width: element.offsetWidth, height: element.offsetHeight });
  return [size(room), size(shown)];
}

/** Where a pointer is, from the middle of the stage. */
function pointOf(event: { clientX: number; clientY: number }, stage: RefObject<HTMLElement | null>) {
  const box = stage.current?.getBoundingClientRect() ?? new DOMRect();
  return { x: event.clientX - box.x - box.width / 2, y: event.clientY - box.y - box.height / 2 };
}
