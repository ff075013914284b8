import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useMemo, useRef } from "react";
import { JOIN } from "../api/queries";
import { Button, ButtonLink } from "../kit/Button";
import { numbered } from "../kit/format";
import { useTitle } from "../kit/Page";
import { Empty, ProblemNote, Skeleton } from "../kit/states";
import { isFiltered } from "../outputs/filters";
import { itemsOf } from "../outputs/lists";
import { listQuery } from "../outputs/queries";
import { useMe } from "../session/queries";
import { FilterBar } from "./FilterBar";
import { Grid } from "./Grid";
import styles from "./LibraryPage.module.css";
import type { Row } from "./layout";
import { NewResults } from "./NewResults";
import { SelectionBar } from "./SelectionBar";
import { filtersOf, type Search } from "./search";
import { all, NONE, ranged, toggled } from "./selection";
import { useActive } from "./useActive";
import { useGridKeys } from "./useGridKeys";
import { useLightbox } from "./useLightbox";
import { useSelection } from "./useSelection";
import { useTogether } from "./useTogether";

const Lightbox = lazy(() => import("./Lightbox").then(({ Lightbox: found }) => ({ default: found })));
const route = getRouteApi("/library");

/** Everything one has made, in one grid. */
export function LibraryPage() {
  useTitle("Library");
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const written = JSON.stringify(filtersOf(search));
  const filters = useMemo(() => filtersOf(JSON.parse(written) as Search), [written]);
  const list = useInfiniteQuery({ ...listQuery(filters), placeholderData: keepPreviousData });
  const items = useMemo(() => itemsOf(list.data), [list.data]);
  const order = useMemo(() => items.map((item) => item.id), [items]);
  const change = useCallback(
    (part: { [Name in keyof Search]?: Search[Name] | undefined }) =>
      void navigate({
        search: (now) => ({ ...now, ...part }) as Search,
        replace: true,
        resetScroll: false,
      }),
    [navigate],
  );
  const [selection, select] = useSelection(
    search.ids,
    useCallback((ids) => change({ ids }), [change]),
  );
  const { ids } = selection;
  const { activeId, activate, focus } = useActive(order);
  const rows = useRef<readonly Row[]>([]);
  const lightbox = useLightbox(search.open, focus);
  const together = useTogether(items, activeId, ids, select);
  const onSelect = useCallback(
    (id: string, isRange: boolean) => select((now) => (isRange ? ranged(now, id, order) : toggled(now, id))),
    [select, order],
  );
  const onClear = useCallback(() => select(() => NONE), [select]);
  useGridKeys({
    ...together,
    items,
    activeId,
    rows,
    isFree: search.open === undefined,
    hasSelection: ids.size > 0,
    mayChange: !useMe().reads_only,
    go: focus,
    onSelect,
    onSelectAll: () => select(() => all(order)),
    onClear,
  });
  const { hasNextPage, isFetching, isFetchNextPageError, fetchNextPage } = list;
  const canLoad = hasNextPage && !isFetching && !isFetchNextPageError;
  const onEnd = useMemo(
    () => (canLoad ? () => void fetchNextPage(JOIN) : undefined),
    [canLoad, fetchNextPage],
  );

  const [first] = list.data?.pages ?? [];
  const isHidden = filters.hidden === true;
  return (
    <>
      <header className={styles.head}>
        <h1>Library</h1>
        <p className={styles.total} role="status">
          {first?.total != null &&
            `${numbered(first.total, "output")}${first.total_is_exact === false ? " and more" : ""}`}
        </p>
      </header>
      <FilterBar filters={filters} onChange={change} />
      {list.isPending && <Waiting />}
      {list.isLoadingError && <ProblemNote problem={list.error} onRetry={() => list.refetch()} />}
      {list.data && items.length === 0 && (
        <Nothing isFiltered={isFiltered(filters)} onAll={() => void navigate({ search: {} })} />
      )}
      {list.data && !list.isPlaceholderData && <NewResults key={written} filters={filters} />}
      {items.length > 0 && (
        <Grid
          items={items}
          activeId={activeId}
          selected={ids}
          rowsRef={rows}
          onOpen={lightbox.open}
          onSelect={onSelect}
          onActive={activate}
          onEnd={onEnd}
        />
      )}
      {isFetchNextPageError && <ProblemNote problem={list.error} onRetry={() => void fetchNextPage()} />}
      {ids.size > 0 && (
        <SelectionBar {...together} ids={ids} items={items} isHidden={isHidden} onClear={onClear} />
      )}
      {search.open && (
        <Suspense fallback={null}>
          <Lightbox
            id={search.open}
            items={items}
            onGo={lightbox.go}
            onClose={lightbox.close}
            onEnd={onEnd}
          />
        </Suspense>
      )}
    </>
  );
}

function Waiting() {
  return (
    <div className={styles.waiting}>
      {Array.from({ length: 12 }, (_, n) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all alike
        <Skeleton key={n} />
      ))}
    </div>
  );
}

function Nothing({ isFiltered: filtered, onAll }: { isFiltered: boolean; onAll: () => void }) {
  if (filtered) {
    return (
      <Empty title="Nothing fits these filters" action={<Button onClick={onAll}>Show everything</Button>}>
        Use fewer words, or take a filter away.
      </Empty>
    );
  }
  return (
    <Empty
      title="Nothing here yet"
      action={
        <ButtonLink look="primary" to="/create">
          Create something
        </ButtonLink>
      }
    >
      All that you make appears here by itself, the newest first.
    </Empty>
  );
}
