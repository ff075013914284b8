// The URL table of the console.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { compareSearchOf } from "./compare/search";
import { choiceSearch, studioSearch } from "./create/search";
import { decksSearch } from "./decks/search";
import { jobsSearch } from "./jobs/search";
import { searchOf } from "./library/search";
import { Broken } from "./shell/Broken";
import { Frame } from "./shell/Frame";
import { Lost } from "./shell/Lost";

/** Read an address and forget the rest of it: the router keeps what is left out, unless it is undefined. */
function known<Search extends object>(read: (raw: Record<string, unknown>) => Search) {
  return (raw: Record<string, unknown>): Search => {
    const nothing = Object.fromEntries(Object.keys(raw).map((name) => [name, undefined]));
    return { ...nothing, ...read(raw) };
  };
}

const root = createRootRoute({ component: Frame, notFoundComponent: Lost });

const start = createRoute({
  getParentRoute: () => root,
  path: "/",
  component: lazyRouteComponent(() => import("./start/StartPage"), "StartPage"),
});

const create = createRoute({
  getParentRoute: () => root,
  path: "/create",
  validateSearch: known(choiceSearch),
  component: lazyRouteComponent(() => import("./create/CreatePage"), "CreatePage"),
});

const createFrom = createRoute({
  getParentRoute: () => root,
  path: "/create/$collection",
  validateSearch: known(studioSearch),
  component: lazyRouteComponent(() => import("./create/CollectionPage"), "CollectionPage"),
});

const jobs = createRoute({
  getParentRoute: () => root,
  path: "/jobs",
  validateSearch: known(jobsSearch),
  component: lazyRouteComponent(() => import("./jobs/JobsPage"), "JobsPage"),
});

const job = createRoute({
  getParentRoute: () => root,
  path: "/jobs/$id",
  component: lazyRouteComponent(() => import("./jobs/JobPage"), "JobPage"),
});

const library = createRoute({
  getParentRoute: () => root,
  path: "/library",
  validateSearch: known(searchOf),
  component: lazyRouteComponent(() => import("./library/LibraryPage"), "LibraryPage"),
});

const output = createRoute({
  getParentRoute: () => root,
  path: "/o/$id",
  component: lazyRouteComponent(() => import("./outputs/OutputPage"), "OutputPage"),
});

const compare = createRoute({
  getParentRoute: () => root,
  path: "/compare",
  validateSearch: known(compareSearchOf),
  component: lazyRouteComponent(() => import("./compare/ComparePage"), "ComparePage"),
});

const decks = createRoute({
  getParentRoute: () => root,
  path: "/decks",
  validateSearch: known(decksSearch),
  component: lazyRouteComponent(() => import("./decks/DecksPage"), "DecksPage"),
});

const deck = createRoute({
  getParentRoute: () => root,
  path: "/decks/$id",
  component: lazyRouteComponent(() => import("./decks/DeckPage"), "DeckPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([start, create, createFrom, jobs, job, library, output, compare, decks, deck]),
  basepath: new URL(document.baseURI).pathname.replace(/\/$/, ""),
  defaultPreload: "intent",
  defaultErrorComponent: Broken,
  scrollRestoration: true,
  search: { strict: true }, // what a page's validateSearch does not return is not there, also for the page
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
