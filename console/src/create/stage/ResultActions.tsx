import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Download, Link2, Maximize2, Repeat2, Wand2 } from "lucide-react";
import type { Collection, OutputItem } from "../../api/types";
import { Button, ButtonLink } from "../../kit/Button";
import { Menu, MenuItem } from "../../kit/Menu";
import { complain, say } from "../../kit/toasts";
import { kindOf, localUrl } from "../../outputs/kinds";
import type { Field } from "../form/fields";
import { collectionsQuery } from "../queries";
import { fileFieldFor } from "../useArrivals";
import styles from "./Stage.module.css";

interface Props {
  output: OutputItem;
  collection: Collection;
  fields: readonly Field[];
  jobId: string;
}

/** What can be done with a result. */
export function ResultActions({ output, collection, fields, jobId }: Props) {
  const here = collection.slug ?? collection.id;
  const url = output.url ? localUrl(output.url) : null;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(new URL(url ?? "", location.href).href);
      void say("The link is copied.");
    } catch (problem) {
      void complain(problem);
    }
  };
  return (
    <div className={styles.actions}>
      <ButtonLink to="/o/$id" params={{ id: output.id }} look="quiet" icon={<Maximize2 />}>
        Open
      </ButtonLink>
      <UseAsInput output={output} collection={collection} fields={fields} />
      <ButtonLink
        to="/create/$collection"
        params={{ collection: here }}
        search={{ job: jobId, from: jobId }}
        look="quiet"
        icon={<Repeat2 />}
      >
        Reuse
      </ButtonLink>
      {url && (
        <>
          <a className={styles.download} href={url} download>
            <Download aria-hidden />
            Download
          </a>
          <Button look="quiet" icon={<Link2 />} onClick={() => void copy()}>
            Copy link
          </Button>
        </>
      )}
    </div>
  );
}

/** Where the result can be the file to start from: here, or in collections that develop such files. */
function UseAsInput({ output, collection, fields }: Omit<Props, "jobId">) {
  const collections = useQuery(collectionsQuery).data ?? [];
  const kind = kindOf(output.mime_type);
  const others = collections.filter((one) => one.input_type === kind && one.id !== collection.id);
  const places = fileFieldFor(fields, output.mime_type) ? [collection, ...others] : others;
  if (places.length === 0) return null;
  return (
    <Menu
      align="start"
      trigger={
        <Button look="quiet" icon={<Wand2 />}>
          Use as input
        </Button>
      }
    >
      {places.map(({ id, slug, title }) => (
        <MenuItem
          key={id}
          render={
            <Link
              to="/create/$collection"
              params={{ collection: slug ?? id }}
              search={{ input: output.id }}
            />
          }
        >
          {title}
        </MenuItem>
      ))}
    </Menu>
  );
}
