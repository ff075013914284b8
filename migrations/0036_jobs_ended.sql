-- Which of a user's jobs have ended since a time: for those who follow all their jobs and come back. -----------------------
-- Written once, when a job ends.
CREATE INDEX job_ended_of_user ON job (user_id, completed_at) WHERE completed_at IS NOT NULL;
