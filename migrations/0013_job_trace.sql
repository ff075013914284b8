-- The trace that a job's spans belong to: a ticket that is sent again, by whichever process, stays in it. --------------

ALTER TABLE job ADD COLUMN trace text CHECK (length(trace) <= 100);
COMMENT ON COLUMN job.trace IS 'W3C traceparent of what started the present attempt; null: nothing traces';
