import { lazy, Suspense } from "react";
import { toasts } from "./toasts";

const ToastList = lazy(() => import("./ToastList").then(({ ToastList: found }) => ({ default: found })));

/** Where messages in passing appear. */
export function Toasts() {
  if (!toasts.useWasOpened()) return null;
  return (
    <Suspense fallback={null}>
      <ToastList />
    </Suspense>
  );
}
