-- A user's entries of a month, and since: for statements.
CREATE INDEX credit_entry_of_user_by_time ON credit_entry (user_id, created_at);
