-- Secrets that were replaced, each of which signs until its own end, however often the secret is rotated meanwhile.
CREATE TABLE webhook_old_secret (
    endpoint_id  uuid NOT NULL REFERENCES webhook_endpoint ON DELETE CASCADE,
    ends_at      timestamptz NOT NULL,
    secret       bytea NOT NULL                             -- encrypted, as that of the endpoint
);
CREATE INDEX webhook_old_secret_of_endpoint ON webhook_old_secret (endpoint_id, ends_at);

INSERT INTO webhook_old_secret (endpoint_id, ends_at, secret)
SELECT id, old_secret_until, old_secret FROM webhook_endpoint WHERE old_secret_until > now();

ALTER TABLE webhook_endpoint DROP COLUMN old_secret, DROP COLUMN old_secret_until;
