import { type KeyboardEvent, type PointerEvent, useRef, useState } from "react";
import styles from "./Slider.module.css";

interface Picture {
  url: string;
  name: string;
  width: number | null;
  height: number | null;
}

const STEPS: Record<string, number> = {
  ArrowLeft: -2,
  ArrowDown: -2,
  ArrowRight: 2,
  ArrowUp: 2,
  PageDown: -10,
  PageUp: 10,
  Home: -100,
  End: 100,
};

/** Two pictures one over the other, with an edge between them that is moved by mouse, finger or arrows. */
export function Slider({ one, other }: { one: Picture; other: Picture }) {
  const stage = useRef<HTMLDivElement>(null);
  const [share, setShare] = useState(50);
  const follow = (event: PointerEvent) => {
    const box = stage.current?.getBoundingClientRect();
    if (box) setShare(Math.min(100, Math.max(0, ((event.clientX - box.left) / box.width) * 100)));
  };
  const step = (event: KeyboardEvent) => {
    const by = STEPS[event.key];
    if (by === undefined) return;
    event.preventDefault();
    setShare((now) => Math.min(100, Math.max(0, Math.round(now + by))));
  };
  const ratio = one.width && one.height ? `${one.width} / ${one.height}` : "1";
  return (
    <div
      ref={stage}
      className={styles.stage}
      style={{ aspectRatio: ratio, maxWidth: `calc(75dvh * (${ratio}))` }}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        follow(event);
      }}
      onPointerMove={(event) => event.buttons > 0 && follow(event)}
    >
      <img src={other.url} alt={`B: ${other.name}`} draggable={false} />
      <img
        src={one.url}
        alt={`A: ${one.name}`}
        draggable={false}
        style={{ clipPath: `inset(0 ${100 - share}% 0 0)` }}
      />
      <span className={styles.a} aria-hidden>
        A
      </span>
      <span className={styles.b} aria-hidden>
        B
      </span>
      <div
        role="slider"
        tabIndex={0}
        aria-label="How much of A is shown"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(share)}
        aria-valuetext={`${Math.round(share)} % of A`}
        className={styles.edge}
        style={{ left: `${share}%` }}
        onKeyDown={step}
      />
    </div>
  );
}
