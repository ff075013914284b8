-- Identity ---------------------------------------------------------------------------------------------------------

CREATE TABLE app_user (
    id          uuid PRIMARY KEY,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE social_link (
    id                 uuid PRIMARY KEY,
    social_org         text NOT NULL CHECK (social_org IN ('farcaster', 'twitter', 'discord', 'lens', 'github')),
    social_identifier  text NOT NULL,
    miniapp_user_id    text,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    UNIQUE (social_org, social_identifier)
);

CREATE TABLE project (
    id          uuid PRIMARY KEY,
    user_id     uuid NOT NULL REFERENCES app_user,
    name        text NOT NULL,
    is_default  boolean NOT NULL DEFAULT false,
    version     text NOT NULL DEFAULT 'v2',
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX project_one_default ON project (user_id) WHERE is_default;
CREATE INDEX project_of_user ON project (user_id, created_at DESC);

-- Recipes ----------------------------------------------------------------------------------------------------------

CREATE TABLE collection (
    id                   uuid PRIMARY KEY,
    project_id           uuid NOT NULL REFERENCES project,
    title                text NOT NULL,
    description          text NOT NULL DEFAULT '',
    blockchain           text,
    price                numeric NOT NULL DEFAULT 0 CHECK (price >= 0),
    editions             integer NOT NULL DEFAULT 1 CHECK (editions >= 0),
    status               text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'published')),
    archived             boolean NOT NULL DEFAULT false,
    is_public            boolean NOT NULL DEFAULT false,
    cover_image_url      text,
    miniapp_cover_image  text,
    cast_hash            text,
    is_custodial         boolean NOT NULL DEFAULT false,
    custodied_for        uuid REFERENCES social_link,
    is_global            boolean NOT NULL DEFAULT false,
    input_type           text CHECK (input_type IN ('image', 'video', 'text')),
    output_type          text CHECK (output_type IN ('image', 'video', 'text')),
    data                 jsonb NOT NULL,                 -- the instruction set of the working version
    version              integer NOT NULL DEFAULT 1,     -- grows with each published change
    slug                 text UNIQUE,                    -- a name the operator may use instead of the id
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    published_at         timestamptz,
    CHECK (NOT is_global OR (input_type IS NOT NULL AND output_type IS NOT NULL)),
    CHECK (NOT is_custodial OR custodied_for IS NOT NULL)
);
CREATE INDEX collection_of_project ON collection (project_id, created_at DESC);
CREATE INDEX collection_public ON collection (created_at DESC) WHERE is_public AND NOT archived;
CREATE INDEX collection_global ON collection (input_type, created_at DESC) WHERE is_global AND NOT archived;

CREATE TABLE workflow (
    id                uuid PRIMARY KEY,
    name              text NOT NULL UNIQUE,
    label             text NOT NULL,
    description       text NOT NULL DEFAULT '',
    type              text NOT NULL
                      CHECK (type IN ('basic', 'comfy_workflow', 'fetch_api', 'direct_job', 'dynamic_json')),
    data              jsonb NOT NULL,
    output_mime_type  text NOT NULL,
    display           boolean NOT NULL DEFAULT true,
    "order"           integer NOT NULL DEFAULT 0,
    requires_api_keys boolean NOT NULL DEFAULT false,
    user_id           uuid REFERENCES app_user,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX workflow_in_order ON workflow ("order", name);

CREATE TABLE model (
    id             uuid PRIMARY KEY,
    name           text NOT NULL UNIQUE,                 -- the file name; what requirements match on
    type           text,
    description    text,
    huggingface_id text,
    download_url   text,
    file_size_gb   numeric,
    hash           text,
    auth_required  boolean NOT NULL DEFAULT false,
    auth_provider  text CHECK (auth_provider IN ('huggingface', 'civitai')),
    save_path      text,
    dependencies   jsonb NOT NULL DEFAULT '[]',
    status         text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE custom_node (
    id             uuid PRIMARY KEY,
    name           text NOT NULL UNIQUE,
    repository_url text,
    description    text,
    branch         text,
    commit         text,
    recursive      boolean NOT NULL DEFAULT false,
    requirements   boolean NOT NULL DEFAULT false,
    env            jsonb,
    is_default     boolean NOT NULL DEFAULT false,
    install_order  integer,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE workflow_model (
    workflow_id  uuid NOT NULL REFERENCES workflow ON DELETE CASCADE,
    model_id     uuid NOT NULL REFERENCES model,
    PRIMARY KEY (workflow_id, model_id)
);
CREATE TABLE workflow_custom_node (
    workflow_id     uuid NOT NULL REFERENCES workflow ON DELETE CASCADE,
    custom_node_id  uuid NOT NULL REFERENCES custom_node,
    PRIMARY KEY (workflow_id, custom_node_id)
);

-- Jobs -------------------------------------------------------------------------------------------------------------

CREATE TABLE job (
    id               uuid PRIMARY KEY,
    user_id          uuid NOT NULL REFERENCES app_user,
    collection_id    uuid REFERENCES collection,
    collection_version integer,
    name             text NOT NULL,
    description      text NOT NULL DEFAULT '',
    job_type         text NOT NULL DEFAULT 'collection_generation',
    status           text NOT NULL DEFAULT 'pending'
                     CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
    priority         smallint NOT NULL DEFAULT 50 CHECK (priority BETWEEN 0 AND 100),
    progress         double precision CHECK (progress BETWEEN 0 AND 100),
    total_steps      integer NOT NULL CHECK (total_steps >= 0),
    current_step     integer NOT NULL DEFAULT 0,
    error_message    text,
    workflow_output  text,
    data             jsonb NOT NULL,                     -- {collectionId, variables, outputs?, …}
    retry_count      integer NOT NULL DEFAULT 0 CHECK (retry_count BETWEEN 0 AND max_retries),
    max_retries      integer NOT NULL DEFAULT 3,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    started_at       timestamptz,
    completed_at     timestamptz,
    cancelled_at     timestamptz,
    -- a final state has a final time, any other has none
    CHECK ((status IN ('completed', 'failed')) = (completed_at IS NOT NULL)),
    CHECK (cancelled_at IS NULL OR status = 'failed')
);
CREATE INDEX job_of_user ON job (user_id, created_at DESC, id DESC);
CREATE INDEX job_of_user_by_status ON job (user_id, status, created_at DESC, id DESC);
CREATE INDEX job_of_user_and_collection ON job (user_id, collection_id, created_at DESC, id DESC);
CREATE INDEX job_open ON job (updated_at) WHERE status IN ('pending', 'processing');

CREATE TABLE step (
    id             uuid PRIMARY KEY,
    job_id         uuid NOT NULL REFERENCES job ON DELETE CASCADE,
    retry_attempt  integer NOT NULL DEFAULT 0,           -- which life of the job (job.retry_count then)
    step_order     integer NOT NULL,                     -- 1-based within its attempt
    step_name      text NOT NULL,
    step_type      text NOT NULL,                        -- the job type a worker must serve
    generation     integer NOT NULL DEFAULT 0,           -- which generation of the job it belongs to
    is_result      boolean NOT NULL DEFAULT false,       -- its files are the generation's result
    depends_on     uuid[] NOT NULL DEFAULT '{}',
    template       jsonb,                                -- payload with references; null when it has none
    input_data     jsonb,                                -- payload as sent; null until what it refers to is done
    requirements   jsonb NOT NULL DEFAULT '{}',
    output_data    jsonb,
    status         text NOT NULL DEFAULT 'pending'
                   CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
    progress       double precision NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    run            integer NOT NULL DEFAULT 1,           -- ticket identity in Redis is (id, run)
    attempt        integer NOT NULL DEFAULT 0,           -- highest hand-out seen
    worker_id      text,
    error_message  text,
    reused_from    uuid REFERENCES step,                 -- a retry took over this earlier result
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    queued_at      timestamptz,                          -- when Redis last took the ticket
    started_at     timestamptz,
    completed_at   timestamptz,
    UNIQUE (job_id, retry_attempt, step_order),
    CHECK ((status IN ('completed', 'failed')) = (completed_at IS NOT NULL))
);
CREATE INDEX step_unsent ON step (created_at)
    WHERE status = 'pending' AND queued_at IS NULL AND input_data IS NOT NULL;
CREATE INDEX step_open ON step (updated_at)
    WHERE status IN ('pending', 'processing') AND input_data IS NOT NULL;

CREATE TABLE job_history (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,   -- also the SSE event id
    job_id      uuid NOT NULL REFERENCES job ON DELETE CASCADE,
    step_id     uuid,
    status      text NOT NULL,
    message     text NOT NULL,
    data        jsonb,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX job_history_of_job ON job_history (job_id, id);

CREATE TABLE job_retry_backup (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id           uuid NOT NULL REFERENCES job ON DELETE CASCADE,
    retry_attempt    integer NOT NULL,                   -- the attempt being started
    previous_status  text NOT NULL,
    data             jsonb NOT NULL,
    workflow_output  text,
    error_message    text,
    progress         double precision,
    started_at       timestamptz,
    completed_at     timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (job_id, retry_attempt)
);

-- Results ----------------------------------------------------------------------------------------------------------

CREATE TABLE flat_file (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    url              text NOT NULL UNIQUE,               -- storage key, relative: generations/…
    mime_type        text NOT NULL,
    name             text NOT NULL DEFAULT '',
    size_bytes       bigint,
    sha256           text,
    width            integer,
    height           integer,
    duration         double precision,                   -- seconds
    thumbnail_url    text,                               -- storage key, relative
    user_id          uuid,
    job_id           uuid,
    step_id          uuid,
    gen_in_data      jsonb,
    gen_out_data     jsonb,
    mux_asset_id     text UNIQUE,
    mux_playback_id  text,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX flat_file_of_job ON flat_file (job_id, id);

CREATE TABLE deck (
    id               uuid PRIMARY KEY,
    user_id          uuid NOT NULL REFERENCES app_user,
    collection_id    uuid NOT NULL REFERENCES collection,
    name             text NOT NULL,
    description      text,
    status           text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived', 'published', 'locked')),
    cover_output_id  uuid,
    output_count     integer NOT NULL DEFAULT 0 CHECK (output_count >= 0),   -- visible outputs; kept by outputs/store
    last_position    integer NOT NULL DEFAULT 0,
    is_custodial     boolean NOT NULL DEFAULT false,
    custodied_for    uuid REFERENCES social_link,
    published_at     timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX deck_of_user ON deck (user_id, created_at DESC, id DESC);
CREATE INDEX deck_of_collection ON deck (collection_id, user_id, created_at DESC, id DESC);
CREATE INDEX deck_published ON deck (collection_id) WHERE status = 'published';

CREATE TABLE output (
    id                uuid PRIMARY KEY,
    user_id           uuid NOT NULL REFERENCES app_user,
    collection_id     uuid NOT NULL REFERENCES collection,
    deck_id           uuid REFERENCES deck,
    job_id            uuid REFERENCES job,
    generation        integer NOT NULL DEFAULT 0,        -- which generation of the job it shows
    flat_file_id      bigint REFERENCES flat_file,
    source_output_id  uuid REFERENCES output,            -- what it was developed from
    status            text NOT NULL DEFAULT 'pending'
                      CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'hidden')),
    source            text NOT NULL DEFAULT 'unknown'
                      CHECK (source IN ('direct_api', 'ai_terminal', 'miniapp', 'studio_component',
                                        'studio_workflow', 'load_test', 'unknown')),
    url               text,
    mime_type         text,
    thumbnail_url     text,
    error_message     text,
    input_metadata    jsonb,
    output_metadata   jsonb,
    is_custodial      boolean NOT NULL DEFAULT false,
    custodied_for     uuid REFERENCES social_link,
    position          integer,                           -- in its deck, from 1; gaps are fine
    created_at        timestamptz NOT NULL DEFAULT now(),
    completed_at      timestamptz,
    updated_at        timestamptz NOT NULL DEFAULT now(),
    CHECK ((deck_id IS NULL) = (position IS NULL))
);
CREATE UNIQUE INDEX output_one_visible_per_file ON output (flat_file_id)
    WHERE flat_file_id IS NOT NULL AND status <> 'hidden';
CREATE UNIQUE INDEX output_position ON output (deck_id, position) WHERE deck_id IS NOT NULL;
CREATE INDEX output_of_collection ON output (collection_id, created_at DESC, id DESC);
CREATE INDEX output_of_user ON output (user_id, created_at DESC, id DESC);
CREATE INDEX output_of_user_and_collection ON output (user_id, collection_id, created_at DESC, id DESC);
CREATE INDEX output_of_job ON output (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX output_of_source ON output (source_output_id) WHERE source_output_id IS NOT NULL;
ALTER TABLE deck ADD CONSTRAINT deck_cover_output FOREIGN KEY (cover_output_id) REFERENCES output;

-- Requests ---------------------------------------------------------------------------------------------------------

CREATE TABLE idempotency_key (
    principal     text NOT NULL,
    route         text NOT NULL,
    key           text NOT NULL,
    request_hash  bytea NOT NULL,
    status_code   smallint NOT NULL,
    response      jsonb NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (principal, route, key)
);
CREATE INDEX idempotency_key_age ON idempotency_key (created_at);
