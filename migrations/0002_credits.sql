-- Amounts are micro-credits: 1,000,000 are one credit. docs/decisions/0006-credits.md says why.

CREATE TABLE credit_account (
    user_id     uuid PRIMARY KEY REFERENCES app_user,
    available   bigint NOT NULL DEFAULT 0 CHECK (available >= 0),   -- may be spent
    held        bigint NOT NULL DEFAULT 0 CHECK (held >= 0),        -- set aside for jobs that have not ended
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CHECK (available + held < 1000000000000000)                     -- 15 digits: exact as a JSON number
);

-- What one job costs, and how far paying for it has come. No foreign key: money is held before the job is inserted, and
-- its record outlives the job's.
CREATE TABLE credit_hold (
    job_id      uuid PRIMARY KEY,
    user_id     uuid NOT NULL REFERENCES credit_account,
    amount      bigint NOT NULL CHECK (amount > 0),                 -- the price when the job started; retries keep it
    round       integer NOT NULL DEFAULT 1 CHECK (round >= 1),      -- grows each time it is held again
    state       text NOT NULL DEFAULT 'held'
                CHECK (state IN ('held', 'captured', 'released', 'unpaid', 'waived')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);

-- Double entry: a row takes an amount from one account and puts it into another, so no row can make or lose credits.
-- available and held are the user's; granted, spent and unpaid belong to the house.
CREATE TABLE credit_entry (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id     uuid NOT NULL REFERENCES credit_account,
    kind        text NOT NULL,
    source      text NOT NULL,
    target      text NOT NULL,
    amount      bigint NOT NULL CHECK (amount > 0),
    job_id      uuid,
    round       integer,
    reason      text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT credit_entry_movement CHECK (
        (kind, source, target) IN (
            ('grant',   'granted',   'available'),
            ('adjust',  'granted',   'available'),
            ('adjust',  'available', 'granted'),
            ('hold',    'available', 'held'),
            ('release', 'held',      'available'),
            ('capture', 'held',      'spent'),
            ('unpaid',  'unpaid',    'spent')
        )
    ),
    CHECK ((kind IN ('grant', 'adjust')) = (job_id IS NULL)),
    CHECK ((job_id IS NULL) = (round IS NULL))
);
CREATE INDEX credit_entry_of_user ON credit_entry (user_id, id DESC);
-- each hold happens once and ends once, and a job is paid for, or noted as unpaid, once in its life
CREATE UNIQUE INDEX credit_entry_one_hold ON credit_entry (job_id, round) WHERE kind = 'hold';
CREATE UNIQUE INDEX credit_entry_one_end ON credit_entry (job_id, round) WHERE kind IN ('capture', 'release');
CREATE UNIQUE INDEX credit_entry_one_charge ON credit_entry (job_id) WHERE kind IN ('capture', 'unpaid');

CREATE FUNCTION refuse_change_of_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'credit_entry is append-only: write a new entry that corrects the old one'
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER credit_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_ledger();

-- The ledger as legs: what each entry took from (negative) or gave to (positive) each account.
CREATE VIEW credit_leg AS
    SELECT id AS entry_id, user_id, source AS account, -amount AS amount FROM credit_entry
    UNION ALL
    SELECT id AS entry_id, user_id, target AS account, amount FROM credit_entry;
