-- Webhooks: docs/decisions/0026-webhooks.md says why like this. ---------------------------------------------------------

-- Where customers want to hear what happens.
CREATE TABLE webhook_endpoint (
    id                uuid PRIMARY KEY,
    owner_user_id     uuid REFERENCES app_user,          -- NULL: a service's, which hears of everybody's jobs
    created_by        text NOT NULL,                     -- the principal that made it
    url               text NOT NULL,
    description       text NOT NULL DEFAULT '',
    events            text[] NOT NULL CHECK (cardinality(events) > 0),
    collection_ids    uuid[],                            -- NULL: of all collections
    job_types         text[],                            -- NULL: of all types
    secret            bytea NOT NULL,                    -- encrypted, as is the one before it; see webhooks/secrets.py
    old_secret        bytea,
    old_secret_until  timestamptz,                       -- until then both sign
    failures          integer NOT NULL DEFAULT 0 CHECK (failures >= 0),  -- in a row
    failing_since     timestamptz,                       -- the first of them
    open_until        timestamptz,                       -- nothing is sent before this
    delivered         bigint NOT NULL DEFAULT 0,         -- deliveries that were taken, attempts that failed,
    failed_attempts   bigint NOT NULL DEFAULT 0,         -- deliveries that were given up: since it was made
    given_up          bigint NOT NULL DEFAULT 0,
    last_success_at   timestamptz,
    last_failure_at   timestamptz,
    disabled_at       timestamptz,
    disabled_reason   text,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL)),
    CHECK ((failures = 0) = (failing_since IS NULL)),
    CHECK ((old_secret IS NULL) = (old_secret_until IS NULL))
);
CREATE UNIQUE INDEX webhook_endpoint_url ON webhook_endpoint (coalesce(owner_user_id::text, ''), md5(url));
CREATE INDEX webhook_endpoint_of_owner ON webhook_endpoint (owner_user_id);  -- an owner has few

-- Ids ordered by time, as kit/ids.py makes them.
CREATE FUNCTION new_event_id() RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT overlay(
        replace(gen_random_uuid()::text, '-', '')
        PLACING lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7' FROM 1 FOR 13
    )::uuid
$$;

-- Something that happened while somebody listened. The data are json, not jsonb: what is sent is signed, so the text stays.
CREATE TABLE webhook_event (
    id           uuid PRIMARY KEY DEFAULT new_event_id(),
    sequence     bigint GENERATED ALWAYS AS IDENTITY,    -- rises per job in the order of its changes
    type         text NOT NULL,
    job_id       uuid,
    occurred_at  timestamptz NOT NULL DEFAULT now(),
    data         json NOT NULL
);
CREATE INDEX webhook_event_age ON webhook_event (occurred_at);

-- An event on its way to an endpoint. No foreign key to the endpoint: a job's transaction neither waits for one that is
-- being deleted nor fails with it. What has no endpoint any more is never sent, and removed by upkeep.
CREATE TABLE webhook_delivery (
    endpoint_id  uuid NOT NULL,
    event_id     uuid NOT NULL REFERENCES webhook_event ON DELETE CASCADE,
    status       text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts     integer NOT NULL DEFAULT 0,             -- in all
    tries        integer NOT NULL DEFAULT 0,             -- since it was put or replayed
    next_at      timestamptz NOT NULL DEFAULT now(),     -- not before
    taken_until  timestamptz,                            -- being sent; after that somebody else may
    ended_at     timestamptz,
    PRIMARY KEY (endpoint_id, event_id),
    CHECK ((status = 'pending') = (ended_at IS NULL)),
    CHECK (status = 'pending' OR taken_until IS NULL)
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (endpoint_id, next_at) WHERE status = 'pending';
CREATE INDEX webhook_delivery_taken ON webhook_delivery (endpoint_id) WHERE taken_until IS NOT NULL;
CREATE INDEX webhook_delivery_by_status ON webhook_delivery (endpoint_id, status, event_id DESC);
CREATE INDEX webhook_delivery_of_event ON webhook_delivery (event_id);

CREATE TABLE webhook_attempt (
    endpoint_id  uuid NOT NULL,
    event_id     uuid NOT NULL,
    number       integer NOT NULL,
    at           timestamptz NOT NULL,
    duration_ms  integer NOT NULL,
    status_code  integer,                                -- NULL: no answer
    error        text,                                   -- NULL: taken
    response     text NOT NULL DEFAULT '',               -- the beginning of the answer's body
    PRIMARY KEY (endpoint_id, event_id, number),
    FOREIGN KEY (endpoint_id, event_id) REFERENCES webhook_delivery ON DELETE CASCADE
);
CREATE INDEX webhook_attempt_newest ON webhook_attempt (endpoint_id, at DESC);

-- A job's changes become events in the transaction that makes them, whoever makes them.
CREATE FUNCTION tell_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    what     text := CASE
                 WHEN TG_OP = 'INSERT' THEN 'job.submitted'
                 WHEN NEW.retry_count <> OLD.retry_count THEN 'job.retried'
                 WHEN NEW.status = OLD.status THEN 'job.progress'
                 WHEN NEW.status = 'processing' THEN 'job.started'
                 WHEN NEW.status = 'completed' THEN 'job.completed'
                 WHEN NEW.cancelled_at IS NOT NULL THEN 'job.cancelled'
                 ELSE 'job.failed'
             END;
    ended    boolean := NEW.status IN ('completed', 'failed');
    audience uuid[];
    event    uuid;
BEGIN
    SELECT array_agg(id) INTO audience FROM webhook_endpoint
    WHERE disabled_at IS NULL AND (owner_user_id = NEW.user_id OR owner_user_id IS NULL) AND what = ANY (events)
          AND (collection_ids IS NULL OR NEW.collection_id = ANY (collection_ids))
          AND (job_types IS NULL OR NEW.job_type = ANY (job_types));
    IF audience IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO webhook_event (type, job_id, data) VALUES (what, NEW.id, json_build_object(
        'job_id', NEW.id,
        'job_type', NEW.job_type,
        'job_status', NEW.status,
        'name', NEW.name,
        'user_id', NEW.user_id,
        'collection_id', NEW.collection_id,
        'progress', NEW.progress,
        'current_step', NEW.current_step,
        'total_steps', NEW.total_steps,
        'retry_count', NEW.retry_count,
        'result', NEW.workflow_output,
        -- what makes a body too large for receivers is left to GET /jobs/{id}/output
        'outputs', CASE WHEN ended AND octet_length(NEW.data ->> 'outputs') <= 10000 THEN NEW.data -> 'outputs' END,
        'output_ids', CASE WHEN ended THEN ARRAY(
            SELECT id FROM output WHERE job_id = NEW.id ORDER BY generation, id LIMIT 100
        ) END,
        'error', left(NEW.error_message, 2000),
        'created_at', NEW.created_at,
        'started_at', NEW.started_at,
        'completed_at', NEW.completed_at
    )) RETURNING id INTO event;
    INSERT INTO webhook_delivery (endpoint_id, event_id) SELECT unnest(audience), event;
    RETURN NULL;
END
$$;
CREATE TRIGGER job_tells_webhooks_of_insert AFTER INSERT ON job FOR EACH ROW EXECUTE FUNCTION tell_webhooks();
-- Progress is told when another tenth is passed, so at most nine times an attempt.
CREATE TRIGGER job_tells_webhooks_of_update AFTER UPDATE OF status, progress ON job FOR EACH ROW
    WHEN (new.status <> old.status OR new.retry_count <> old.retry_count
          OR (new.status = 'processing' AND new.progress < 100 AND trunc(new.progress / 10) > trunc(old.progress / 10)))
    EXECUTE FUNCTION tell_webhooks();
