-- Files of users that arrive in parts, or in the bucket without passing through the api. Removed a day after the last part.
CREATE TABLE asset_upload (
    id             uuid PRIMARY KEY,
    user_id        uuid NOT NULL REFERENCES app_user,
    size_bytes     bigint NOT NULL CHECK (size_bytes > 0),
    received       bigint NOT NULL DEFAULT 0,
    parts          text[] NOT NULL DEFAULT '{}',
    sizes          bigint[] NOT NULL DEFAULT '{}',
    presigned      boolean NOT NULL,
    name           text NOT NULL DEFAULT '',
    keeps_metadata boolean NOT NULL,
    expires_in     double precision,
    asset_id       uuid,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    CHECK (received BETWEEN 0 AND size_bytes),
    CHECK (cardinality(parts) = cardinality(sizes))
);
COMMENT ON COLUMN asset_upload.parts IS 'keys in storage; those whose size is 0 do not count, as storing them was broken off';
COMMENT ON COLUMN asset_upload.asset_id IS 'what it became; null: it is not whole yet';
CREATE INDEX asset_upload_of_user ON asset_upload (user_id) WHERE asset_id IS NULL;
CREATE INDEX asset_upload_old ON asset_upload (updated_at);
