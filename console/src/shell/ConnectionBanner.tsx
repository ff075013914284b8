import { CloudOff } from "lucide-react";
import { useConnection } from "../live/channel";
import styles from "./ConnectionBanner.module.css";

/** A line at the top while the server cannot be reached. It goes by itself. */
export function ConnectionBanner() {
  const connection = useConnection();
  return (
    <div role="status">
      {connection === "away" && (
        <p className={styles.banner}>
          <CloudOff aria-hidden />
          The server cannot be reached. What you see may be old; this page goes on by itself when it is back.
        </p>
      )}
    </div>
  );
}
