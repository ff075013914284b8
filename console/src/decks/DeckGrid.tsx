import { useLayoutEffect, useRef } from "react";
import type { DeckOutput, DeckView } from "../api/types";
import { say } from "../kit/toasts";
import styles from "./DeckGrid.module.css";
import { DeckTile } from "./DeckTile";
import { moved } from "./order";
import { useChangeDeck, useMoveOutput, useReorder } from "./queries";
import { useArranging } from "./useArranging";

interface Props {
  deck: DeckView;
  outputs: DeckOutput[];
  mayChange: boolean;
}

/** The results of a deck in their order, which can be changed by dragging them or with keys. */
export function DeckGrid({ deck, outputs, mayChange }: Props) {
  const reorder = useReorder(deck.id);
  const change = useChangeDeck(deck.id);
  const move = useMoveOutput();
  const focused = useRef<string | null>(null);
  const put = (from: number, to: number) => {
    focused.current = outputs[from]?.id ?? null;
    reorder.mutate({ outputs: moved(outputs, from, to), changed: Math.max(from, to) + 1 });
  };
  const arranging = useArranging(outputs, put);
  useKeptFocus(outputs, focused);
  const remove = ({ id }: DeckOutput) =>
    move.mutate(
      { output_id: id, deck_id: null },
      {
        onSuccess: () =>
          void say("Removed from the deck; it is still in the library.", () =>
            move.mutate({ output_id: id, deck_id: deck.id }),
          ),
      },
    );
  return (
    <>
      {mayChange && outputs.length > 1 && (
        <p id="arranging" className={styles.hint}>
          Drag results to change their order, or focus a handle and press Space.
        </p>
      )}
      <ul ref={arranging.grid} className={styles.grid}>
        {outputs.map((output, index) => (
          <li
            key={output.id}
            data-thing={output.id}
            className={arranging.held?.id === output.id ? styles.held : undefined}
            style={{ order: arranging.placeOf(output.id) }}
          >
            <DeckTile
              output={output}
              label={`Result ${index + 1}`}
              isCover={deck.cover_output_id === output.id}
              arranging={mayChange ? arranging : null}
              isLocked={deck.status === "locked"}
              onCover={(isCover) => change.mutate({ cover_output_id: isCover ? output.id : null })}
              onFirst={index > 0 ? () => put(index, 0) : undefined}
              onRemove={() => remove(output)}
            />
          </li>
        ))}
      </ul>
      <p className="visually-hidden" role="status">
        {arranging.said}
      </p>
    </>
  );
}

/** Give the focus back to the handle of what was moved: browsers take it from elements that change places. */
function useKeptFocus(outputs: DeckOutput[], focused: { current: string | null }): void {
  const order = outputs.map(({ id }) => id).join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another order moves elements
  useLayoutEffect(() => {
    const id = focused.current;
    focused.current = null;
    if (id) document.querySelector<HTMLElement>(`[data-handle="${id}"]`)?.focus();
  }, [order]);
}
