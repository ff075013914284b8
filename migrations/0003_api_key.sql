-- Who is calling ---------------------------------------------------------------------------------------------------

CREATE TABLE user_identity (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL REFERENCES app_user,
    provider     text NOT NULL,                          -- a token issuer
    external_id  text NOT NULL,                          -- how it calls the user, when that is no UUID
    created_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (provider, external_id)
);
CREATE INDEX user_identity_of_user ON user_identity (user_id);

CREATE TABLE api_key (
    id             uuid PRIMARY KEY,
    prefix         text NOT NULL UNIQUE CHECK (prefix ~ '^[a-z0-9]{8}$'),  -- the public part of the key
    key_hash       bytea NOT NULL CHECK (length(key_hash) = 32),           -- SHA-256 of the whole key
    name           text NOT NULL,
    scopes         text[] NOT NULL
                   CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['service', 'worker', 'read']),
    owner_user_id  uuid REFERENCES app_user,
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz,
    last_used_at   timestamptz,
    revoked_at     timestamptz
);
