-- What an operator allows of a job type: docs/how-to/set-policies.md. Without a row, everything.
CREATE TABLE policy (
    job_type     text NOT NULL,
    host         text NOT NULL DEFAULT '',               -- of fetch_api: the policy of this host; '': of all others
    builders     text NOT NULL DEFAULT 'everyone' CHECK (builders IN ('everyone', 'authors', 'services')),
    authors      uuid[] NOT NULL DEFAULT '{}',           -- who may build, if builders says authors
    floor        bigint NOT NULL DEFAULT 0 CHECK (floor >= 0), -- micro-credits
    models       text[],                                 -- null: any
    max_pixels   bigint CHECK (max_pixels > 0),
    max_count    integer CHECK (max_count > 0),
    max_seconds  double precision CHECK (max_seconds > 0),
    concurrency  integer CHECK (concurrency > 0),
    per_minute   integer CHECK (per_minute > 0),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    updated_by   text NOT NULL,                          -- whose key, or who at the command line
    PRIMARY KEY (job_type, host),
    CHECK ((builders = 'authors') = (cardinality(authors) > 0)),
    CHECK (host = '' OR job_type = 'fetch_api'),
    CHECK (host = '' OR (concurrency IS NULL AND per_minute IS NULL))
);
