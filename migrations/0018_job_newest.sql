-- Everybody's jobs, newest first. Written so that only that list can follow it: were it on created_at itself, the planner
-- might walk it for a user who has no recent jobs, past everybody else's.
CREATE INDEX job_newest ON job ((created_at AT TIME ZONE 'UTC') DESC, id DESC);
