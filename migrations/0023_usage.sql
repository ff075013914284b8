-- Prices in parts, and steps that are settled by what they used: docs/decisions/0044-money.md.

ALTER TABLE job ADD COLUMN price jsonb;
COMMENT ON COLUMN job.price IS 'the parts of its price when it started, in micro-credits; null: free, or an older job';

ALTER TABLE step ADD COLUMN seconds double precision CHECK (seconds >= 0);
COMMENT ON COLUMN step.seconds IS 'from the claim to the end of the run that completed it, by the queue''s clock';

ALTER TABLE credit_hold ADD COLUMN charged bigint CHECK (charged BETWEEN 0 AND amount);
COMMENT ON COLUMN credit_hold.charged IS 'what was captured; null: the whole amount, or nothing yet';

-- what usage did not need of a hold goes back as it is captured
ALTER TABLE credit_entry DROP CONSTRAINT credit_entry_movement, ADD CONSTRAINT credit_entry_movement CHECK (
    (kind, source, target) IN (
        ('grant',   'granted',   'available'),
        ('adjust',  'granted',   'available'),
        ('adjust',  'available', 'granted'),
        ('hold',    'available', 'held'),
        ('release', 'held',      'available'),
        ('settle',  'held',      'available'),
        ('capture', 'held',      'spent'),
        ('unpaid',  'unpaid',    'spent')
    )
);
CREATE UNIQUE INDEX credit_entry_one_settlement ON credit_entry (job_id) WHERE kind = 'settle';
