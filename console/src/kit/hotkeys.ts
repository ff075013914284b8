// Keys that do something on a page, and the list of them that `?` shows.
import { useEffect, useRef, useSyncExternalStore } from "react";

/** A key: `k`, `?`, `Escape`, `ArrowLeft`; `mod+k` with Ctrl or ⌘; `g h` for one after the other. */
export interface Hotkey {
  keys: string;
  /** What it does, for the list; without it the key is not listed. */
  does?: string;
  /** Whether it also works while a text is being written. */
  whileWriting?: boolean;
  /** Whether it works where the key was pressed; else the key does what it does without. */
  when?: (event: KeyboardEvent) => boolean;
  run: (event: KeyboardEvent) => void;
}

/** Milliseconds within which the second of two keys must follow. */
const TOGETHER = 1000;

let active: readonly Hotkey[] = [];
let begun: { key: string; at: number } | null = null;
const listeners = new Set<() => void>();

function change(hotkeys: readonly Hotkey[]): void {
  active = hotkeys;
  for (const listener of listeners) listener();
}

/** Let keys work while the component is shown. Those of what is shown last come first. */
export function useHotkeys(hotkeys: readonly Hotkey[], enabled = true): void {
  const latest = useRef(hotkeys);
  useEffect(() => {
    latest.current = hotkeys;
  });
  const names = hotkeys.map((hotkey) => hotkey.keys).join("\n");
  useEffect(() => {
    if (!enabled || names === "") return;
    const mine = latest.current.map(
      (hotkey, index): Hotkey => ({
        ...hotkey,
        when: (event: KeyboardEvent) => latest.current[index]?.when?.(event) ?? true,
        run: (event: KeyboardEvent) => latest.current[index]?.run(event),
      }),
    );
    change([...mine, ...active]);
    return () => change(active.filter((hotkey) => !mine.includes(hotkey)));
  }, [enabled, names]);
}

/** Return the keys that work now, for the list. */
export function useActiveHotkeys(): readonly Hotkey[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => active,
  );
}

/** Write a key as people know it. */
export function keyNames(keys: string): string[] {
  const names: Record<string, string> = {
    mod: navigator.userAgent.includes("Mac") ? "⌘" : "Ctrl",
    ArrowLeft: "←",
    ArrowRight: "→",
    ArrowUp: "↑",
    ArrowDown: "↓",
    Escape: "Esc",
    space: "Space",
  };
  return keys.split(/[+ ]/).map((key) => names[key] ?? (key.length === 1 ? key.toUpperCase() : key));
}

const PRESSED = /^(button|checkbox|radio|submit)$/;

function isWriting(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement && PRESSED.test(target.type)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

function pressed(event: KeyboardEvent): string {
  const key = event.key === " " ? "space" : event.key;
  return event.ctrlKey || event.metaKey ? `mod+${key}` : key;
}

/** Find what a key does, alone or after the one before it. */
function found(event: KeyboardEvent): Hotkey | undefined {
  const key = pressed(event);
  const pair = begun && event.timeStamp - begun.at < TOGETHER ? `${begun.key} ${key}` : null;
  const writing = isWriting(event.target);
  const works = (hotkey: Hotkey) => (!writing || hotkey.whileWriting) && (hotkey.when?.(event) ?? true);
  begun = writing ? null : { key, at: event.timeStamp };
  return (
    active.find((hotkey) => hotkey.keys === pair && works(hotkey)) ??
    active.find((hotkey) => hotkey.keys === key && works(hotkey))
  );
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.altKey || event.isComposing) return;
  const hotkey = found(event);
  if (!hotkey) return;
  event.preventDefault();
  hotkey.run(event);
});
