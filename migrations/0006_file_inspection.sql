-- Files: upkeep looks into each stored one, and copies those that outputs only link to. --------------------------------

ALTER TABLE flat_file
    ADD COLUMN source_url     text,                      -- where it was copied from
    ADD COLUMN inspected_at   timestamptz,               -- when its content was looked at, or that was given up
    ADD COLUMN inspect_tries  smallint NOT NULL DEFAULT 0,
    ADD COLUMN inspect_after  timestamptz NOT NULL DEFAULT now();
CREATE INDEX flat_file_uninspected ON flat_file (inspect_after) WHERE inspected_at IS NULL;

CREATE TABLE output_import (
    output_id   uuid PRIMARY KEY REFERENCES output ON DELETE CASCADE,
    url         text NOT NULL,                           -- what the output showed when this was asked for
    tries       smallint NOT NULL DEFAULT 0,
    run_after   timestamptz NOT NULL DEFAULT now(),
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX output_import_due ON output_import (run_after);
