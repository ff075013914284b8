// A dialog that is opened from elsewhere than where it is shown.
import { useSyncExternalStore } from "react";

/** What opens and closes one dialog. */
export interface Opener {
  open: () => void;
  close: () => void;
  useIsOpen: () => boolean;
  /** Whether it was ever open: until then its code need not be there. */
  useWasOpened: () => boolean;
}

/** Make the switch of a dialog. */
export function opener(): Opener {
  let isOpen = false;
  let wasOpened = false;
  const listeners = new Set<() => void>();
  const set = (now: boolean) => {
    isOpen = now;
    wasOpened ||= now;
    for (const listener of listeners) listener();
  };
  const subscribe = (listener: () => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  return {
    open: () => set(true),
    close: () => set(false),
    useIsOpen: () => useSyncExternalStore(subscribe, () => isOpen),
    useWasOpened: () => useSyncExternalStore(subscribe, () => wasOpened),
  };
}
