-- How many of a user's steps are taken in one turn; null: 1.
ALTER TABLE quota
    ADD COLUMN weight integer CHECK (weight BETWEEN 1 AND 100),
    ADD CONSTRAINT quota_weight_of_user CHECK (weight IS NULL OR kind = 'user');
