// The call that makes the same job, as programs that run unchanged. Pure.
import { stringify } from "../api/json";

export interface Call {
  /** Address of the api, without a slash at its end. */
  base: string;
  collection: string;
  /** Who asks. */
  userId: string;
  /** Whether callers need a key; on one's own machine the user's id is enough. */
  needsKey: boolean;
  variables: Readonly<Record<string, unknown>>;
}

export type Language = "curl" | "python" | "typescript";

const WAIT = 60;

/** Write the call in a language. */
export function codeOf(language: Language, call: Call): string {
  return { curl, python, typescript }[language](call);
}

function addressOf({ base, collection }: Call): string {
  return `${base}/api/collections/${encodeURIComponent(collection)}/generate?wait=${WAIT}`;
}

/** A text between quotes, as Python and TypeScript both read it. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

/** A text as a shell takes it unchanged. */
function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function curl(call: Call): string {
  const headers = [
    ...(call.needsKey ? ['-H "Authorization: Bearer $EMPROPS_TOKEN"'] : []),
    `-H 'user_id: ${call.userId}'`,
    "-H 'Content-Type: application/json'",
  ];
  const body = shellQuoted(stringify({ variables: call.variables }, 2));
  return [
    `curl -sS ${shellQuoted(addressOf(call))}`,
    ...headers.map((one) => `  ${one}`),
    `  -d ${body}`,
  ].join(" \\\n");
}

function python(call: Call): string {
  const key = call.needsKey ? `\n        "Authorization": f"Bearer {os.environ['EMPROPS_TOKEN']}",` : "";
  return `${call.needsKey ? "import os\n\n" : ""}import requests

answer = requests.post(
    ${quoted(addressOf(call))},
    headers={${key}
        "user_id": ${quoted(call.userId)},
    },
    json={"variables": ${pythonOf(call.variables, 2)}},
    timeout=${WAIT + 10},
)
answer.raise_for_status()
job = answer.json()["data"]
print(job["jobId"], job.get("status", "goes on"), job.get("workflow_output"))
`;
}

/** A value as Python writes it. */
function pythonOf(value: unknown, depth: number): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return typeof value === "string" ? quoted(value) : String(value);
  const isList = Array.isArray(value);
  const items = isList
    ? value.map((one) => pythonOf(one, depth + 1))
    : Object.entries(value).map(([name, one]) => `${quoted(name)}: ${pythonOf(one, depth + 1)}`);
  const [open, close] = isList ? "[]" : "{}";
  if (items.length === 0) return `${open}${close}`;
  const indent = "    ".repeat(depth);
  return `${open}\n${items.map((item) => `${indent}${item},\n`).join("")}${"    ".repeat(depth - 1)}${close}`;
}

function typescript(call: Call): string {
  const key = call.needsKey ? `\n    Authorization: \`Bearer \${process.env.EMPROPS_TOKEN}\`,` : "";
  const body = stringify({ variables: call.variables }, 2);
  const sent = isExact(call.variables)
    ? `JSON.stringify(${body.replaceAll("\n", "\n  ")}),`
    : `${quoted(stringify({ variables: call.variables }))}, // as text: it has an integer beyond 2^53`;
  return `const answer = await fetch(${quoted(addressOf(call))}, {
  method: "POST",
  headers: {${key}
    user_id: ${quoted(call.userId)},
    "Content-Type": "application/json",
  },
  body: ${sent}
});
if (!answer.ok) throw new Error(await answer.text());
const { data: job } = await answer.json();
console.log(job.jobId, job.status ?? "goes on", job.workflow_output ?? "");
`;
}

/** Return whether all numbers are exact as JavaScript's. */
function isExact(value: unknown): boolean {
  if (typeof value === "bigint") return false;
  return typeof value !== "object" || value === null || Object.values(value).every(isExact);
}
