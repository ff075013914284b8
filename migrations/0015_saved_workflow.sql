-- What a graph was converted from: it travels with its jobs, so that results carry it. In a table of its own, because
-- nothing else reads it. -----------------------------------------------------------------------------------------------

CREATE TABLE saved_workflow (
    workflow_id uuid PRIMARY KEY REFERENCES workflow ON DELETE CASCADE,
    packed bytea NOT NULL CHECK (octet_length(packed) <= 65536)
);
ALTER TABLE saved_workflow ALTER COLUMN packed SET STORAGE EXTERNAL;
COMMENT ON TABLE saved_workflow IS 'Workflows as ComfyUI''s editor saved them, of those that were converted';
COMMENT ON COLUMN saved_workflow.packed IS 'JSON, compressed with zlib';
