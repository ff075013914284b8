-- What may be spent: docs/decisions/0044-money.md.

CREATE TABLE spending_limit (
    subject     text NOT NULL CHECK (subject IN ('user', 'key')),
    subject_id  uuid NOT NULL,
    period      text NOT NULL CHECK (period IN ('day', 'month')),           -- in UTC
    set_by      text NOT NULL CHECK (set_by IN ('operator', 'user')),
    amount      bigint NOT NULL CHECK (amount >= 0),                        -- micro-credits
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subject, subject_id, period, set_by),
    CHECK (set_by = 'operator' OR subject = 'user')
);

ALTER TABLE credit_hold ADD COLUMN key_id uuid;
COMMENT ON COLUMN credit_hold.key_id IS 'the API key that started the job; null: a user''s own token or header did';

-- what a user or a key has spent since a moment: a hold that was captured does not change any more
CREATE INDEX credit_hold_spent_by_user ON credit_hold (user_id, updated_at) WHERE state = 'captured';
CREATE INDEX credit_hold_spent_by_key ON credit_hold (key_id, updated_at) WHERE state = 'captured' AND key_id IS NOT NULL;
CREATE INDEX credit_hold_held_by_key ON credit_hold (key_id) WHERE state = 'held' AND key_id IS NOT NULL;
