import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { complain } from "../kit/toasts";
import { Problem } from "./problem";

const RETRIES = 2;

/** Look again who is signed in when a request was refused for want of that. */
function noticeSignOut(error: Error): void {
  if (error instanceof Problem && error.status === 401)
    void queryClient.invalidateQueries({ queryKey: ["me"] });
}

/** What the pages know of the server's data, shared by all of them. Failed changes are told unless they handle it. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      retry: (failures, error) => failures < RETRIES && error instanceof Problem && error.passes,
    },
  },
  queryCache: new QueryCache({ onError: noticeSignOut }),
  mutationCache: new MutationCache({
    onError: (error, _variables, _context, mutation) => {
      noticeSignOut(error);
      if (!mutation.meta?.handlesErrors) complain(error);
    },
  }),
});

/** For the next part of a list that is asked for by scrolling, again and again: join a load that is under way. */
export const JOIN = { cancelRefetch: false } as const;
