-- Lists of jobs that operators narrow. ----------------------------------------------------------------------------------
-- Failed jobs of everybody, newest first: written once, when a job fails.
CREATE INDEX job_failed_newest ON job ((created_at AT TIME ZONE 'UTC') DESC, id DESC) WHERE status = 'failed';

-- What a worker has run: written once, when a step ends.
CREATE INDEX step_of_worker ON step (worker_id, job_id)
    WHERE worker_id IS NOT NULL AND status IN ('completed', 'failed');

-- Words that all have to occur, whoever the owner is.
CREATE FUNCTION words_of_all(asked text) RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT string_agg('''' || replace(replace(word, '\', '\\'), '''', '''''') || ''':*', ' & ')::tsquery
    FROM unnest(tsvector_to_array(to_tsvector('simple', asked))) word
$$;
