import { getRouteApi, useRouter } from "@tanstack/react-router";
import { useCallback, useEffect, useRef } from "react";

const route = getRouteApi("/library");

/** Open and close an output over the grid. Going back closes it; then the focus is where it was, or on the output that
 *  was looked at last. */
export function useLightbox(openId: string | undefined, focus: (id: string) => void) {
  const navigate = route.useNavigate();
  const { history } = useRouter();
  const hasEntry = useRef(false);
  const open = useCallback(
    (id: string) => {
      hasEntry.current = true;
      void navigate({ search: (now) => ({ ...now, open: id }), resetScroll: false });
    },
    [navigate],
  );
  const go = useCallback(
    (id: string) =>
      void navigate({ search: (now) => ({ ...now, open: id }), replace: true, resetScroll: false }),
    [navigate],
  );
  const close = useCallback(() => {
    if (hasEntry.current) history.back();
    else {
      void navigate({ search: ({ open: _open, ...now }) => now, replace: true, resetScroll: false });
    }
  }, [navigate, history]);
  const before = useRef(openId);
  useEffect(() => {
    const closed = openId === undefined ? before.current : undefined;
    before.current = openId;
    if (closed === undefined) return;
    hasEntry.current = false;
    const frame = requestAnimationFrame(() => focus(closed)); // after the scroll position of the page is back
    return () => cancelAnimationFrame(frame);
  }, [openId, focus]);
  return { open, go, close };
}
