-- What owners do to find their outputs again: stars, tags, and hiding that can be undone. -----------------------------

ALTER TABLE output ADD COLUMN starred boolean NOT NULL DEFAULT false;
ALTER TABLE output ADD COLUMN hidden_by text
    CHECK (hidden_by IN ('owner', 'operator', 'time', 'server')),
    ADD CONSTRAINT output_hidden_by CHECK (hidden_by IS NULL OR status = 'hidden');
COMMENT ON COLUMN output.hidden_by IS 'who or what hid it; only what its owner hid can be brought back';

UPDATE output SET hidden_by = CASE
    WHEN generated AND completed_at IS NULL THEN 'server'
    WHEN expires_at <= now() THEN 'time'
    WHEN EXISTS (SELECT FROM audit_entry WHERE target = 'output:' || output.id AND details ->> 'what' = 'hide')
    THEN 'operator'
    ELSE 'owner' END
WHERE status = 'hidden';

-- Tags are found in the order of the list, so each has the time of its output, which never changes.
CREATE TABLE output_tag (
    output_id   uuid NOT NULL REFERENCES output ON DELETE CASCADE,
    tag         text NOT NULL,
    user_id     uuid NOT NULL REFERENCES app_user,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (output_id, tag)
);
CREATE INDEX output_tag_of_user ON output_tag (user_id, tag, created_at DESC, output_id DESC);

-- Stars and tags are of the one who made them, so they do not go along to another owner.
CREATE FUNCTION drop_marks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM output_tag WHERE output_id = NEW.id;
    NEW.starred := false;
    RETURN NEW;
END
$$;
CREATE TRIGGER output_owner BEFORE UPDATE OF user_id ON output
    FOR EACH ROW WHEN (NEW.user_id <> OLD.user_id) EXECUTE FUNCTION drop_marks();

-- Each filter of a user's list has an index in its order.
CREATE INDEX output_of_user_by_status ON output (user_id, status, created_at DESC, id DESC);
CREATE INDEX output_of_user_by_media ON output (user_id, split_part(mime_type, '/', 1), created_at DESC, id DESC)
    WHERE status <> 'hidden';
CREATE INDEX output_of_user_starred ON output (user_id, created_at DESC, id DESC)
    WHERE starred AND status <> 'hidden';
CREATE INDEX output_of_user_hidden ON output (user_id, created_at DESC, id DESC) WHERE hidden_by = 'owner';
