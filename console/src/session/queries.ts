import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, useContext } from "react";
import { api, data } from "../api/client";
import { Problem } from "../api/problem";
import type { Me, Session } from "../api/types";
import { forget } from "../kit/storage";
import { LOOKS } from "../shell/look";

/** Who is signed in, or how one can sign in, or a link that would sign in somebody else. */
export type Standing =
  | { me: Me }
  | { ways: readonly string[]; problem: unknown }
  | { ticket: string; session: Session };

const TICKET = /^#ticket=([\w-]+)$/;
const OUTCOME = /^#sign_in=(\w+)$/;
const OUTCOMES: Record<string, string> = {
  denied: "Your provider did not let you in. Try again, or ask the operator.",
  expired: "That took too long, or began in another browser. Try again.",
  failed: "What your provider answered could not be trusted. Tell the operator if it happens again.",
  unavailable: "Your provider cannot be reached just now. Try again later.",
};
let hasSignedOut = false;

/** Who is signed in. A link's ticket signs in, and where this machine is the user's own, nothing is needed. */
export const standingQuery = queryOptions({
  queryKey: ["me"],
  queryFn: findStanding,
  staleTime: 60_000,
});

async function findStanding(): Promise<Standing> {
  const ticket = TICKET.exec(location.hash)?.[1];
  if (ticket) {
    history.replaceState(null, "", location.pathname + location.search); // it works once, and must not be shared
    const { session } = await data(api.GET("/session"));
    return session ? { ticket, session } : signInAnd(() => data(api.POST("/session", { body: { ticket } })));
  }
  const outcome = OUTCOME.exec(location.hash)?.[1];
  if (outcome) history.replaceState(null, "", location.pathname + location.search);
  const { signed_in, ways } = await data(api.GET("/session"));
  if (signed_in) return { me: await data(api.GET("/me")) };
  const sentence = outcome && OUTCOMES[outcome];
  if (sentence) return { ways, problem: new Problem(sentence, 0, `sign_in_${outcome}`) };
  if (!ways.includes("local") || hasSignedOut) return { ways, problem: null };
  return signInAnd(() => data(api.POST("/session")));
}

async function signInAnd(signIn: () => Promise<Session>): Promise<Standing> {
  try {
    await signIn();
    return { me: await data(api.GET("/me")) };
  } catch (problem) {
    const { ways } = await data(api.GET("/session"));
    return { ways, problem };
  }
}

/** Who is signed in, for what `Gate` lets in. */
export const SignedIn = createContext<Me | null>(null);

/** Who is signed in; only below `Gate`. */
export function useMe(): Me {
  const me = useContext(SignedIn);
  if (!me) throw new Error("nobody is signed in");
  return me;
}

/** What one signs in with: a key or token, a link's ticket, or nothing on one's own machine. */
export type Proof = { key: string } | { ticket: string } | null;

/** Sign in. */
export function useSignIn() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (proof: Proof) => data(api.POST("/session", requestOf(proof))),
    onSuccess: () => client.invalidateQueries({ queryKey: standingQuery.queryKey }),
    meta: { handlesErrors: true },
  });
}

function requestOf(proof: Proof) {
  if (proof === null) return {};
  return "key" in proof ? { headers: { Authorization: `Bearer ${proof.key}` } } : { body: proof };
}

/** Sign out, and forget what was written in this browser; `Gate` forgets what was loaded. */
export function useSignOut() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => data(api.DELETE("/session")),
    onSuccess: ({ ways }) => {
      hasSignedOut = true;
      forget(LOOKS);
      client.setQueryData(standingQuery.queryKey, (): Standing => ({ ways, problem: null }));
    },
  });
}

const sessionsQuery = queryOptions({
  queryKey: ["sessions"],
  queryFn: ({ signal }) => data(api.GET("/sessions", { signal })),
});

/** Where one is signed in. */
export function useSessions(enabled: boolean) {
  return useQuery({ ...sessionsQuery, enabled });
}

/** End one of one's sessions. */
export function useEndSession() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (session_id: string) =>
      data(
        api.DELETE("/sessions/{session_id}", {
          params: { path: { session_id } },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: sessionsQuery.queryKey }),
  });
}
