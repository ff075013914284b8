import type { Job } from "../api/types";
import { CopyButton } from "../kit/CopyButton";
import { Fact, Facts } from "../kit/Facts";
import { count } from "../kit/format";

type Price = NonNullable<Job["price"]>;

/** What a job runs and costs, and its id. */
export function JobFacts({ job }: { job: Job }) {
  return (
    <section aria-label="Facts">
      <Facts>
        {job.retry_count > 0 && <Fact name="Retries">{job.retry_count}</Fact>}
        <Fact name="Version">{job.collection_version === null ? "Draft" : job.collection_version}</Fact>
        <Fact name="Credits">{job.price ? creditsOf(job.price) : "Free"}</Fact>
        <Fact name="Id">
          <code>{job.id}</code>
          <CopyButton text={job.id} />
        </Fact>
      </Facts>
    </section>
  );
}

const STATES: Record<Price["state"], string> = {
  held: "set aside",
  captured: "spent",
  released: "given back",
  unpaid: "owed",
  waived: "not asked for",
  missing: "about to be set aside",
};

function creditsOf(price: Price): string {
  return `${count(price.charged ?? price.price)}, ${STATES[price.state]}`;
}
