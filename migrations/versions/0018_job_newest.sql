CREATE INDEX job_newest ON job (created_at DESC, id DESC);
