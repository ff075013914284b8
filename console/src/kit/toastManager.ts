import { Toast } from "@base-ui/react/toast";

/** What a message carries. */
export interface Carried {
  /** Takes back what was done. */
  undo?: () => void;
}

/** Keeps the messages; `ToastList` shows them. */
export const manager = Toast.createToastManager<Carried>();
