import { Toast } from "@base-ui/react/toast";
import { X } from "lucide-react";
import { useEffect } from "react";
import { Button } from "./Button";
import { IconButton } from "./IconButton";
import styles from "./ToastList.module.css";
import { type Carried, manager, shows } from "./toastManager";

/** The messages in passing, newest first. */
export function ToastList() {
  useEffect(shows, []);
  return (
    <Toast.Provider toastManager={manager}>
      <Toast.Portal>
        <Toast.Viewport className={styles.viewport}>
          <Messages />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function Messages() {
  const { toasts, close } = Toast.useToastManager<Carried>();
  return toasts.map((toast) => {
    const undo = toast.data?.undo;
    return (
      <Toast.Root key={toast.id} toast={toast} className={styles.toast}>
        <Toast.Title className={styles.title} />
        {undo && (
          <Button
            look="quiet"
            onClick={() => {
              close(toast.id);
              undo();
            }}
          >
            Undo
          </Button>
        )}
        <Toast.Close render={<IconButton label="Dismiss" />}>
          <X />
        </Toast.Close>
      </Toast.Root>
    );
  });
}
