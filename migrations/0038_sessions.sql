-- Sign-in of pages: docs/decisions/0054-sessions.md.
CREATE TABLE session (
    id            uuid PRIMARY KEY,
    secret_hash   bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),  -- SHA-256 of the cookie's value
    user_id       uuid NOT NULL REFERENCES app_user,
    role          text NOT NULL CHECK (role IN ('user', 'viewer', 'operator')),
    roles         text[] NOT NULL DEFAULT '{}' CHECK (roles <@ ARRAY['author', 'operator', 'viewer']),
    reads_only    boolean NOT NULL,
    way           text NOT NULL CHECK (way IN ('local', 'link', 'oidc', 'key', 'token')),
    made_by       text NOT NULL,                         -- who vouched for the user
    key_id        uuid,
    name          text NOT NULL DEFAULT '',
    email         text NOT NULL DEFAULT '',
    user_agent    text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL DEFAULT now(),
    last_seen_at  timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    revoked_at    timestamptz
);
COMMENT ON COLUMN session.roles IS 'what the way in said that the user is; grants count too, and are not copied here';
COMMENT ON COLUMN session.key_id IS 'the key that vouched: the session ends with it';
CREATE INDEX session_of_user ON session (user_id, created_at DESC, id DESC);
CREATE INDEX session_last_seen ON session (last_seen_at);
