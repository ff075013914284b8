import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Output } from "../api/types";
import { CopyButton } from "../kit/CopyButton";
import { clock } from "../kit/format";
import { Status } from "../kit/states";
import { Time } from "../kit/Time";
import styles from "./Details.module.css";
import { localUrl } from "./kinds";
import { promptOf } from "./names";
import { parametersOf, written } from "./parameters";

const PICTURE = /^[^?\n]+\.(png|jpe?g|webp|gif|avif)(\?|$)/i;

/** What an output was made from, and what else is known about it. Everything in it is text, whatever it says. A prompt
 *  that the title says already is not repeated. */
export function Details({ output, title }: { output: Output; title?: string }) {
  const prompt = promptOf(output);
  const others = parametersOf(output.input_metadata).filter(({ name }) => name !== "prompt" || !prompt);
  return (
    <>
      {prompt && prompt !== title && (
        <section className={styles.prompt} aria-label="Prompt">
          <p>{prompt}</p>
          <CopyButton text={prompt} />
        </section>
      )}
      {others.length > 0 && (
        <dl className={styles.list} aria-label="Parameters">
          {others.map(({ name, value }) => (
            <Row key={name} name={name}>
              <Value value={value} />
            </Row>
          ))}
        </dl>
      )}
      <About output={output} />
    </>
  );
}

function About({ output }: { output: Output }) {
  const { collection, deck, width, height, duration, mime_type, tags, source_output_id } = output;
  return (
    <dl className={styles.list} aria-label="About it">
      {output.status !== "completed" && (
        <Row name="State">
          <Status status={output.status} />
        </Row>
      )}
      <Row name="Collection">
        <Link to="/create/$collection" params={{ collection: collection.id }}>
          {collection.title}
        </Link>
      </Row>
      {deck && (
        <Row name="Deck">
          <Link to="/decks/$id" params={{ id: deck.id }}>
            {deck.name}
          </Link>
        </Row>
      )}
      {source_output_id && (
        <Row name="Made from">
          <Link to="/o/$id" params={{ id: source_output_id }}>
            another output
          </Link>
        </Row>
      )}
      <Row name="Made">
        <Time at={output.created_at} />
      </Row>
      {width !== null && height !== null && <Row name="Size">{`${width} × ${height}`}</Row>}
      {duration !== null && <Row name="Length">{clock(duration)}</Row>}
      {mime_type && <Row name="Type">{mime_type}</Row>}
      {tags.length > 0 && <Row name="Tags">{tags.join(", ")}</Row>}
    </dl>
  );
}

function Row({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Value({ value }: { value: unknown }) {
  const text = written(value);
  if (PICTURE.test(text)) {
    const url = localUrl(text);
    if (url !== text) return <img className={styles.picture} src={url} alt={text} loading="lazy" />;
  }
  return <span className={styles.value}>{text === "" ? "(empty)" : text}</span>;
}
