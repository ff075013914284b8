-- Files that users bring, to generate from. The bytes are stored once, whoever brings them.
CREATE TABLE asset_file (
    id           uuid PRIMARY KEY,
    key          text NOT NULL UNIQUE,
    blake3       text NOT NULL UNIQUE,
    sha256       text NOT NULL,
    size_bytes   bigint NOT NULL CHECK (size_bytes >= 0),
    mime_type    text NOT NULL,
    width        integer,
    height       integer,
    duration     double precision,
    created_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN asset_file.key IS 'in storage; random, so that nobody finds a file by its content';

CREATE TABLE asset (
    id             uuid PRIMARY KEY,
    user_id        uuid NOT NULL REFERENCES app_user,
    file_id        uuid NOT NULL REFERENCES asset_file,
    source_blake3  text NOT NULL,
    keeps_metadata boolean NOT NULL,
    name           text NOT NULL DEFAULT '',
    size_bytes     bigint NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz,
    UNIQUE (user_id, source_blake3, keeps_metadata)
);
COMMENT ON COLUMN asset.source_blake3 IS 'of what was sent; a picture that was made safe has other bytes';
COMMENT ON COLUMN asset.size_bytes IS 'of its file, which the user is charged for whole';
CREATE INDEX asset_newest ON asset (user_id, created_at DESC, id DESC);
CREATE INDEX asset_of_file ON asset (file_id);
CREATE INDEX asset_expiring ON asset (expires_at) WHERE expires_at IS NOT NULL;

-- Which jobs take which assets.
CREATE TABLE asset_use (
    asset_id  uuid NOT NULL REFERENCES asset,
    job_id    uuid NOT NULL REFERENCES job ON DELETE CASCADE,
    PRIMARY KEY (asset_id, job_id)
);
CREATE INDEX asset_use_of_job ON asset_use (job_id);

-- Assets count for their user like other stored files.
CREATE FUNCTION note_asset_bytes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO stored_bytes_change
        SELECT 'user', user_id, sum(size_bytes) FROM added GROUP BY user_id HAVING sum(size_bytes) > 0;
    ELSE
        INSERT INTO stored_bytes_change
        SELECT 'user', user_id, -sum(size_bytes) FROM removed GROUP BY user_id HAVING sum(size_bytes) > 0;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER asset_bytes_insert AFTER INSERT ON asset REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION note_asset_bytes();
CREATE TRIGGER asset_bytes_delete AFTER DELETE ON asset REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION note_asset_bytes();
