-- What must be done elsewhere once a transaction has committed; see src/emprops/kit/outbox.py.
CREATE TABLE outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         text NOT NULL,                          -- who delivers it
    key          text NOT NULL UNIQUE,                   -- what it is about: putting the same thing twice is one row
    payload      jsonb NOT NULL,
    attempts     integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_at      timestamptz NOT NULL DEFAULT now(),     -- not before; while being delivered: not before its lease ends
    done_at      timestamptz,
    given_up_at  timestamptz,
    error        text,                                   -- of the last attempt that failed
    created_at   timestamptz NOT NULL DEFAULT now(),
    CHECK (done_at IS NULL OR given_up_at IS NULL)
);
CREATE INDEX outbox_due ON outbox (next_at, id) WHERE done_at IS NULL AND given_up_at IS NULL;
CREATE INDEX outbox_ended ON outbox (coalesce(done_at, given_up_at)) WHERE done_at IS NOT NULL OR given_up_at IS NOT NULL;

-- Events of Mux that were accepted: a repeated one changes nothing, and none brings a deleted asset back.
CREATE TABLE mux_event (
    event_id     text PRIMARY KEY,
    type         text NOT NULL,
    asset_id     text NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX mux_event_of_asset ON mux_event (asset_id);
CREATE INDEX mux_event_age ON mux_event (received_at);
CREATE INDEX flat_file_waits_for_mux ON flat_file (updated_at)
    WHERE mux_asset_id IS NOT NULL AND mux_playback_id IS NULL;

-- Who uses a stored file: by its row, or by its URL, whose end is the file's key (NULL for others); see media/retention.py.
CREATE INDEX output_hidden ON output (flat_file_id) WHERE status = 'hidden' AND flat_file_id IS NOT NULL;
CREATE INDEX output_of_file ON output (flat_file_id) WHERE flat_file_id IS NOT NULL;
CREATE INDEX output_of_file_url ON output (substring(url FROM '/files/([^?#]+)')) WHERE url IS NOT NULL;
CREATE INDEX output_of_thumbnail_url ON output (substring(thumbnail_url FROM '/files/([^?#]+)'))
    WHERE thumbnail_url IS NOT NULL;
CREATE INDEX job_of_output_url ON job (substring(workflow_output FROM '/files/([^?#]+)'))
    WHERE workflow_output IS NOT NULL;
CREATE INDEX flat_file_of_thumbnail ON flat_file (thumbnail_url) WHERE thumbnail_url IS NOT NULL;
CREATE INDEX deck_of_cover ON deck (cover_output_id) WHERE cover_output_id IS NOT NULL;
