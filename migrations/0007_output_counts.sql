-- Counts: docs/decisions/0014-output-counts.md says why like this. ----------------------------------------------------

-- Outputs per status; the subject is a collection or a deck. What is true is this row plus the changes below.
CREATE TABLE output_count (
    subject     uuid PRIMARY KEY,
    pending     bigint NOT NULL DEFAULT 0,
    processing  bigint NOT NULL DEFAULT 0,
    completed   bigint NOT NULL DEFAULT 0,
    failed      bigint NOT NULL DEFAULT 0,
    hidden      bigint NOT NULL DEFAULT 0
);

-- What transactions changed since; upkeep adds it to the rows above every few seconds. Only ever inserted, so that two
-- transactions never wait for each other's counts.
CREATE TABLE output_count_change (
    subject     uuid NOT NULL,
    pending     bigint NOT NULL,
    processing  bigint NOT NULL,
    completed   bigint NOT NULL,
    failed      bigint NOT NULL,
    hidden      bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
CREATE INDEX output_count_change_of ON output_count_change (subject);

INSERT INTO output_count (subject, pending, processing, completed, failed, hidden)
SELECT subject, count(*) FILTER (WHERE status = 'pending'), count(*) FILTER (WHERE status = 'processing'),
       count(*) FILTER (WHERE status = 'completed'), count(*) FILTER (WHERE status = 'failed'),
       count(*) FILTER (WHERE status = 'hidden')
FROM (SELECT collection_id AS subject, status FROM output
      UNION ALL SELECT deck_id, status FROM output WHERE deck_id IS NOT NULL) present
GROUP BY subject;

-- One row per subject and statement, however many outputs the statement touched; none if no count changed.
CREATE FUNCTION count_outputs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO output_count_change
        SELECT subject, count(*) FILTER (WHERE status = 'pending'), count(*) FILTER (WHERE status = 'processing'),
               count(*) FILTER (WHERE status = 'completed'), count(*) FILTER (WHERE status = 'failed'),
               count(*) FILTER (WHERE status = 'hidden')
        FROM (SELECT collection_id AS subject, status FROM added
              UNION ALL SELECT deck_id, status FROM added WHERE deck_id IS NOT NULL) present
        GROUP BY subject;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO output_count_change
        SELECT subject, -count(*) FILTER (WHERE status = 'pending'), -count(*) FILTER (WHERE status = 'processing'),
               -count(*) FILTER (WHERE status = 'completed'), -count(*) FILTER (WHERE status = 'failed'),
               -count(*) FILTER (WHERE status = 'hidden')
        FROM (SELECT collection_id AS subject, status FROM removed
              UNION ALL SELECT deck_id, status FROM removed WHERE deck_id IS NOT NULL) gone
        GROUP BY subject;
    ELSE
        INSERT INTO output_count_change
        SELECT subject, coalesce(sum(n) FILTER (WHERE status = 'pending'), 0),
               coalesce(sum(n) FILTER (WHERE status = 'processing'), 0),
               coalesce(sum(n) FILTER (WHERE status = 'completed'), 0),
               coalesce(sum(n) FILTER (WHERE status = 'failed'), 0),
               coalesce(sum(n) FILTER (WHERE status = 'hidden'), 0)
        FROM (SELECT subject, status, sum(n) AS n
              FROM (SELECT collection_id AS subject, status, 1 AS n FROM added
                    UNION ALL SELECT deck_id, status, 1 FROM added WHERE deck_id IS NOT NULL
                    UNION ALL SELECT collection_id, status, -1 FROM removed
                    UNION ALL SELECT deck_id, status, -1 FROM removed WHERE deck_id IS NOT NULL) each_row
              GROUP BY subject, status HAVING sum(n) <> 0) changed
        GROUP BY subject;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER output_count_insert AFTER INSERT ON output
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_outputs();
CREATE TRIGGER output_count_update AFTER UPDATE ON output
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_outputs();
CREATE TRIGGER output_count_delete AFTER DELETE ON output
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_outputs();

-- Lists: each filter has an index in the order of the list, so that a page costs the same at any size. -----------------

DROP INDEX output_of_collection;
CREATE INDEX output_of_collection ON output (collection_id, created_at DESC, id DESC) WHERE status <> 'hidden';
CREATE INDEX output_of_collection_by_status ON output (collection_id, status, created_at DESC, id DESC);
CREATE INDEX output_of_deck ON output (deck_id, created_at DESC, id DESC)
    WHERE deck_id IS NOT NULL AND status <> 'hidden';
CREATE INDEX output_of_beneficiary ON output (custodied_for, collection_id, created_at DESC, id DESC)
    WHERE custodied_for IS NOT NULL;

-- Outputs that the server made for a job give way to those that a client makes for the same job or file.
ALTER TABLE output ADD COLUMN generated boolean NOT NULL DEFAULT false;
UPDATE output SET generated = true WHERE job_id IS NOT NULL;
