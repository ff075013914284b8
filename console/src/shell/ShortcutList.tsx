import { Dialog } from "../kit/Dialog";
import { keyNames, useActiveHotkeys } from "../kit/hotkeys";
import { shortcuts } from "./dialogs";
import styles from "./ShortcutList.module.css";

/** The keys that work on this page, opened with `?`. */
export function ShortcutList() {
  const isOpen = shortcuts.useIsOpen();
  const hotkeys = useActiveHotkeys().filter((hotkey) => hotkey.does);
  return (
    <Dialog open={isOpen} onClose={shortcuts.close} title="Keyboard shortcuts">
      <dl className={styles.list}>
        {hotkeys.map((hotkey) => (
          <div key={hotkey.keys}>
            <dt>{hotkey.does}</dt>
            <dd>
              {keyNames(hotkey.keys).map((name) => (
                <kbd key={name}>{name}</kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
