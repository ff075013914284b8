import { useState } from "react";
import type { Collection, OutputItem } from "../../api/types";
import { classes } from "../../kit/classes";
import { Media } from "../../outputs/Media";
import { Thumbnail } from "../../outputs/Thumbnail";
import type { Field } from "../form/fields";
import { ResultActions } from "./ResultActions";
import styles from "./Stage.module.css";

interface Props {
  outputs: readonly OutputItem[];
  collection: Collection;
  fields: readonly Field[];
  jobId: string;
}

/** What a job made: one result big, the others in small beneath it. */
export function Results({ outputs, collection, fields, jobId }: Props) {
  const [chosen, setChosen] = useState(0);
  const output = outputs[chosen] ?? outputs[0];
  if (!output) return <p className={styles.words}>Its results are hidden.</p>;
  return (
    <div className={styles.results}>
      <div className={styles.media}>
        <Media file={output} alt="The result" />
      </div>
      {outputs.length > 1 && (
        <ul className={styles.others}>
          {outputs.map((one, at) => (
            <li key={one.id}>
              <button
                type="button"
                className={classes(styles.other, one.id === output.id && styles.chosen)}
                aria-label={`Result ${at + 1}`}
                aria-pressed={one.id === output.id}
                onClick={() => setChosen(at)}
              >
                <Thumbnail file={one} alt="" />
              </button>
            </li>
          ))}
        </ul>
      )}
      <ResultActions output={output} collection={collection} fields={fields} jobId={jobId} />
    </div>
  );
}
