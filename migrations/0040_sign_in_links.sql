-- Links that sign somebody in once: docs/decisions/0054-sessions.md.
CREATE TABLE sign_in_link (
    id           uuid PRIMARY KEY,
    ticket_hash  bytea NOT NULL UNIQUE CHECK (length(ticket_hash) = 32),   -- SHA-256 of the ticket
    user_id      uuid NOT NULL REFERENCES app_user,
    role         text NOT NULL CHECK (role IN ('user', 'viewer', 'operator')),
    made_by      text NOT NULL,
    key_id       uuid,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL
);
COMMENT ON TABLE sign_in_link IS 'not used yet: a link that is used is deleted';
CREATE INDEX sign_in_link_expires ON sign_in_link (expires_at);
