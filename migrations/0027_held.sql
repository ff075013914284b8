-- What is held now, for the duty that compares it with the jobs that are open: docs/decisions/0044-money.md.
CREATE INDEX credit_hold_held ON credit_hold (job_id) WHERE state = 'held';
