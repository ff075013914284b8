import { Link } from "@tanstack/react-router";
import type { Output } from "../api/types";
import { CopyButton } from "../kit/CopyButton";
import { Fact, Facts } from "../kit/Facts";
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
        <Facts label="Parameters">
          {others.map(({ name, value }) => (
            <Fact key={name} name={name}>
              <Value value={value} />
            </Fact>
          ))}
        </Facts>
      )}
      <About output={output} />
    </>
  );
}

function About({ output }: { output: Output }) {
  const { collection, deck, width, height, duration, mime_type, tags, source_output_id } = output;
  return (
    <Facts label="About it">
      {output.status !== "completed" && (
        <Fact name="State">
          <Status status={output.status} />
        </Fact>
      )}
      <Fact name="Collection">
        <Link to="/create/$collection" params={{ collection: collection.id }}>
          {collection.title}
        </Link>
      </Fact>
      {deck && (
        <Fact name="Deck">
          <Link to="/decks/$id" params={{ id: deck.id }}>
            {deck.name}
          </Link>
        </Fact>
      )}
      {source_output_id && (
        <Fact name="Made from">
          <Link to="/o/$id" params={{ id: source_output_id }}>
            another output
          </Link>
        </Fact>
      )}
      <Fact name="Made">
        <Time at={output.created_at} />
      </Fact>
      {width !== null && height !== null && <Fact name="Size">{`${width} × ${height}`}</Fact>}
      {duration !== null && <Fact name="Length">{clock(duration)}</Fact>}
      {mime_type && <Fact name="Type">{mime_type}</Fact>}
      {tags.length > 0 && <Fact name="Tags">{tags.join(", ")}</Fact>}
    </Facts>
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
