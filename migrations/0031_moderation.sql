-- Checks of what is asked for and of what was made, and what a person has to decide. -----------------------------------
-- Which checks a collection has; no row: as the installation says.
CREATE TABLE collection_moderation (
    collection_id  uuid PRIMARY KEY REFERENCES collection ON DELETE CASCADE,
    stages         text[] NOT NULL CHECK (stages <@ ARRAY['start', 'results']),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    updated_by     text NOT NULL
);

ALTER TABLE job ADD COLUMN moderation text CHECK (moderation IN ('start_review', 'results', 'results_review'));
COMMENT ON COLUMN job.moderation IS 'What has to be decided before it goes on: a person about its start, the check of its results, or a person about these; null: nothing';

CREATE TABLE review (
    id          uuid PRIMARY KEY,
    job_id      uuid NOT NULL REFERENCES job ON DELETE CASCADE,
    stage       text NOT NULL CHECK (stage IN ('start', 'results')),
    reason      text NOT NULL,                           -- why the check held it
    created_at  timestamptz NOT NULL DEFAULT now(),
    decision    text CHECK (decision IN ('released', 'blocked')),
    note        text,                                    -- what the user is told
    decided_at  timestamptz,
    decided_by  text,
    CHECK ((decision IS NULL) = (decided_at IS NULL))
);
CREATE UNIQUE INDEX review_open ON review (job_id) WHERE decision IS NULL;
CREATE INDEX review_newest ON review (created_at DESC, id DESC);
