-- Who must be allowed to build what a step runs, so that a retry asks the policies again.
ALTER TABLE step ADD COLUMN builders uuid[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN step.builders IS 'owners of its workflow and, where that leaves the job type to a field, of its collection; empty: a service''s';
