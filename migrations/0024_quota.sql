-- How much one user, API key or collection may have at once, and start in an hour and a day. ----------------------------
-- Null: as the settings say; 0: no limit.
CREATE TABLE quota (
    kind                 text NOT NULL CHECK (kind IN ('user', 'key', 'collection')),
    subject              uuid NOT NULL,
    open_jobs            integer CHECK (open_jobs >= 0),
    open_steps           integer CHECK (open_steps >= 0),
    running_steps        integer CHECK (running_steps >= 0),
    hourly_generations   integer CHECK (hourly_generations >= 0),
    daily_generations    integer CHECK (daily_generations >= 0),
    stored_bytes         bigint CHECK (stored_bytes >= 0),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    updated_by           text NOT NULL,
    PRIMARY KEY (kind, subject)
);

-- What was started in the present hour and day (UTC). Who counts, locks the row; so two starts never share the last place.
CREATE TABLE quota_usage (
    kind     text NOT NULL,
    subject  uuid NOT NULL,
    hour     timestamptz NOT NULL,
    hourly   integer NOT NULL,
    day      timestamptz NOT NULL,
    daily    integer NOT NULL,
    PRIMARY KEY (kind, subject)
);

-- A step that is ready, and has to wait until fewer steps of its user, key or collection are in the queue.
ALTER TABLE step ADD COLUMN held_back_for uuid;
COMMENT ON COLUMN step.held_back_for IS 'The user for whose quota it waits; null: it may go to the queue';
CREATE INDEX step_held_back ON step (held_back_for, created_at) WHERE held_back_for IS NOT NULL AND status = 'pending';
DROP INDEX step_open;
CREATE INDEX step_open ON step (updated_at)
    WHERE status IN ('pending', 'processing') AND input_data IS NOT NULL AND held_back_for IS NULL;
DROP INDEX step_unsent;
CREATE INDEX step_unsent ON step (created_at)
    WHERE status = 'pending' AND queued_at IS NULL AND input_data IS NOT NULL AND held_back_for IS NULL;

CREATE INDEX job_open_of_collection ON job (collection_id) WHERE status IN ('pending', 'processing');
CREATE INDEX job_open_of_key ON job (key_id) WHERE key_id IS NOT NULL AND status IN ('pending', 'processing');

-- How many bytes of files each has: notes of what statements change, which upkeep adds to the totals.
CREATE TABLE stored_bytes (
    kind     text NOT NULL,
    subject  uuid NOT NULL,
    bytes    bigint NOT NULL,
    PRIMARY KEY (kind, subject)
);
CREATE TABLE stored_bytes_change (
    kind     text NOT NULL,
    subject  uuid NOT NULL,
    bytes    bigint NOT NULL
);
CREATE INDEX stored_bytes_change_of ON stored_bytes_change (kind, subject);

CREATE FUNCTION note_stored_bytes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO stored_bytes_change
        SELECT one.kind, one.subject, sum(f.size_bytes) FROM added f LEFT JOIN job j ON j.id = f.job_id,
            LATERAL (VALUES ('user', f.user_id), ('key', j.key_id), ('collection', j.collection_id)) one (kind, subject)
        WHERE one.subject IS NOT NULL GROUP BY one.kind, one.subject HAVING sum(f.size_bytes) > 0;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO stored_bytes_change
        SELECT one.kind, one.subject, -sum(f.size_bytes) FROM removed f LEFT JOIN job j ON j.id = f.job_id,
            LATERAL (VALUES ('user', f.user_id), ('key', j.key_id), ('collection', j.collection_id)) one (kind, subject)
        WHERE one.subject IS NOT NULL GROUP BY one.kind, one.subject HAVING sum(f.size_bytes) > 0;
    ELSE
        INSERT INTO stored_bytes_change
        SELECT one.kind, one.subject, sum(f.bytes)
        FROM (SELECT user_id, job_id, size_bytes AS bytes FROM added
              UNION ALL SELECT user_id, job_id, -size_bytes FROM removed) f LEFT JOIN job j ON j.id = f.job_id,
            LATERAL (VALUES ('user', f.user_id), ('key', j.key_id), ('collection', j.collection_id)) one (kind, subject)
        WHERE one.subject IS NOT NULL GROUP BY one.kind, one.subject HAVING sum(f.bytes) <> 0;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER stored_bytes_insert AFTER INSERT ON flat_file REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION note_stored_bytes();
CREATE TRIGGER stored_bytes_update AFTER UPDATE ON flat_file REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION note_stored_bytes();
CREATE TRIGGER stored_bytes_delete AFTER DELETE ON flat_file REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION note_stored_bytes();
INSERT INTO stored_bytes
    SELECT one.kind, one.subject, sum(f.size_bytes) FROM flat_file f LEFT JOIN job j ON j.id = f.job_id,
        LATERAL (VALUES ('user', f.user_id), ('key', j.key_id), ('collection', j.collection_id)) one (kind, subject)
    WHERE one.subject IS NOT NULL GROUP BY one.kind, one.subject HAVING sum(f.size_bytes) > 0;
