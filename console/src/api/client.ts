// The one way to the api: typed by its OpenAPI document, exact with integers, failing with `Problem`.
import createClient from "openapi-fetch";
import { parse, stringify } from "./json";
import { Problem, problemOf } from "./problem";
import type { paths } from "./schema";

/** The path under which the api answers, with a slash at its end. The console is below it. */
export const ROOT = new URL("..", document.baseURI).pathname;

const UNREACHABLE = "The server cannot be reached. This page tries again by itself.";

async function exactFetch(request: Request): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(request);
  } catch (error) {
    if (request.signal.aborted) throw error;
    throw new Problem(UNREACHABLE, 0, "unreachable");
  }
  const text = () => Response.prototype.text.call(response);
  response.json = async () => parse(await text());
  return response;
}

/** Requests as `api.GET("/decks", { params: … })`; wrap them in `data`. */
export const api = createClient<paths>({
  baseUrl: ROOT.replace(/\/$/, ""),
  credentials: "same-origin",
  fetch: exactFetch,
  bodySerializer: (body: unknown) =>
    body instanceof FormData || body instanceof Blob ? body : stringify(body),
});

/** The outcome of a request as openapi-fetch returns it. */
interface Outcome<Body> {
  data?: Body | undefined;
  error?: unknown;
  response: Response;
}

/** Return the `data` of a success; throw a `Problem` for a failure. */
export async function data<Data>(request: Promise<Outcome<{ data: Data }>>): Promise<Data> {
  return (await whole(request)).data;
}

/** Return the whole body of a success: for replies that have more than `data`, or no envelope. */
export async function whole<Body>(request: Promise<Outcome<Body>>): Promise<Body> {
  const { data: body, error, response } = await request;
  if (!response.ok) throw problemOf(response, error);
  return body as Body;
}
