-- What was published, and when. docs/decisions/0008-collection-versions.md says why.
CREATE TABLE collection_version (
    collection_id  uuid NOT NULL REFERENCES collection ON DELETE CASCADE,
    version        integer NOT NULL CHECK (version >= 1),
    data           jsonb NOT NULL,                       -- the instruction set as it was published
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (collection_id, version)
);
-- A published version goes on using its workflows when what is being worked on does not any more.
CREATE INDEX collection_version_by_workflow ON collection_version
    USING gin (jsonb_path_query_array(data, '$.steps[*].nodeName'));

INSERT INTO collection_version (collection_id, version, data, created_at)
SELECT id, version, data, coalesce(published_at, updated_at) FROM collection WHERE status = 'published';

-- A trigger, so that no writer can publish a collection without its version, whoever writes the row.
CREATE FUNCTION record_collection_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO collection_version (collection_id, version, data) VALUES (NEW.id, NEW.version, NEW.data)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER collection_records_version AFTER INSERT OR UPDATE OF status, version ON collection
    FOR EACH ROW WHEN (NEW.status = 'published') EXECUTE FUNCTION record_collection_version();

-- Lists, newest first; the id makes the order of rows from one transaction definite.
DROP INDEX collection_of_project;
CREATE INDEX collection_of_project ON collection (project_id, created_at DESC, id DESC);
DROP INDEX collection_public;
CREATE INDEX collection_public ON collection (published_at DESC NULLS LAST, id DESC)
    WHERE is_public AND status = 'published' AND NOT archived;
DROP INDEX project_of_user;
CREATE INDEX project_of_user ON project (user_id, created_at DESC, id DESC);

-- Every simple collection is made of this workflow. It belongs to nobody, and is here
-- rather than among the samples so that it exists, and its name is taken, before anybody can call.
INSERT INTO workflow (id, name, label, description, type, data, output_mime_type, display, "order")
VALUES (
    '2f5258c8-7595-5def-a61a-911c70fa79b8',
    'flexible_prompt',
    'Flexible prompt',
    'Any job type with any JSON payload; simple collections are made of it.',
    'direct_job',
    '{
        "form": {
            "config": {"groupOrder": ["main"], "componentGroup": "flexible", "maxNumberOfGenerations": 5},
            "fields": [
                {"id": "seed", "name": "Seed", "type": "number", "display": true, "group": "main",
                 "constraints": {"min": 0, "max": 999999, "step": 1}},
                {"id": "job_type", "name": "Job type", "type": "input", "display": true, "group": "main",
                 "required": true},
                {"id": "payload", "name": "Payload", "type": "json", "display": true, "group": "main",
                 "required": true}
            ]
        },
        "inputs": [
            {"id": "job_type", "pathJq": ".service_required", "is_required": true},
            {"id": "payload", "pathJq": ".payload", "is_required": true}
        ],
        "job": {"payload": {}},
        "credits": 0.25
    }',
    'application/octet-stream',
    true,
    1000
)
ON CONFLICT DO NOTHING;
