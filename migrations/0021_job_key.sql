-- Which API key started a job: what keys may spend and have running is counted by it. No foreign key, as for users: a
-- job remembers its key, whatever becomes of that.
ALTER TABLE job ADD COLUMN key_id uuid;
COMMENT ON COLUMN job.key_id IS 'the API key that started it; null: a user''s own token or header did';
