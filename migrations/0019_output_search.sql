-- The words by which users find their outputs: the title of the collection, what was sent, and what chance picked. ------

-- Texts and numbers anywhere in a document; not names of fields, and no addresses.
CREATE FUNCTION texts_in(document jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT string_agg(left(leaf #>> '{}', 10000), ' ') FROM jsonb_path_query(document, 'strict $.**') leaf
    WHERE jsonb_typeof(leaf) IN ('string', 'number') AND leaf #>> '{}' !~* '^(https?|ipfs|data):'
$$;

-- Every word, or beginning of a word, that is asked for, in outputs of a user; null for a text without words. A user is
-- a word as well, one that no text has, so that the index alone finds what is theirs.
CREATE FUNCTION words_wanted(owner uuid, asked text) RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ('''=' || owner || '''')::tsquery
           && string_agg('''' || replace(replace(word, '\', '\\'), '''', '''''') || ''':*', ' & ')::tsquery
    FROM unnest(tsvector_to_array(to_tsvector('simple', asked))) word
$$;

-- Cut, because a tsvector has at most a megabyte. A job's data has the variables of each generation as they were used.
CREATE FUNCTION words_of(made output) RETURNS tsvector LANGUAGE sql STABLE AS $$
    SELECT array_to_tsvector(ARRAY['=' || made.user_id]) || strip(to_tsvector('simple', left(concat_ws(' ', c.title,
        texts_in(CASE jsonb_typeof(made.input_metadata) WHEN 'object'
                 THEN made.input_metadata - '{source_output_id,source_url,source_mime_type}'::text[] END),
        texts_in(j.data #> ARRAY['generations', made.generation::text, 'variables'])
    ), 20000)))
    FROM collection c LEFT JOIN job j ON j.id = made.job_id WHERE c.id = made.collection_id
$$;

-- A table of its own, so that outputs that change their status are not indexed again.
CREATE TABLE output_search (
    output_id   uuid PRIMARY KEY REFERENCES output ON DELETE CASCADE,
    words       tsvector NOT NULL
);
INSERT INTO output_search (output_id, words) SELECT o.id, words_of(o) FROM output o;
CREATE INDEX output_search_words ON output_search USING gin (words);

CREATE FUNCTION note_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO output_search (output_id, words) VALUES (NEW.id, words_of(NEW))
    ON CONFLICT (output_id) DO UPDATE SET words = excluded.words;
    RETURN NULL;
END
$$;
CREATE TRIGGER output_words AFTER INSERT OR UPDATE OF input_metadata, job_id, collection_id, user_id ON output
    FOR EACH ROW EXECUTE FUNCTION note_words();
