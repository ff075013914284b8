-- Why a step used up its limits: {"reason": "failures" | "worker_lost", "failures": n, "losses": n}
ALTER TABLE step ADD COLUMN dead_letter jsonb
    CONSTRAINT step_dead_letter_check CHECK (dead_letter IS NULL OR status = 'failed');
CREATE INDEX step_dead ON step (completed_at DESC, id DESC) WHERE dead_letter IS NOT NULL;

-- Who may claim nothing for now. name is empty for 'all'.
CREATE TABLE worker_pause (
    scope text NOT NULL CHECK (scope IN ('all', 'machine', 'worker')),
    name text NOT NULL CHECK ((scope = 'all') = (name = '')),
    since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, name)
);
