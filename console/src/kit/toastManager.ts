import { Toast } from "@base-ui/react/toast";

/** What a message carries. */
export interface Carried {
  /** Takes back what was done. */
  undo?: () => void;
}

/** Keeps the messages; `ToastList` shows them. */
export const manager = Toast.createToastManager<Carried>();

let tell = () => {};
/** Resolves when `ToastList` is there: what is added before is lost. */
export const isShown = new Promise<void>((resolve) => {
  tell = resolve;
});

/** Say that `ToastList` is there. */
export function shows(): void {
  tell();
}
