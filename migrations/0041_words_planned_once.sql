-- The words of an output as before, by functions whose plans a connection keeps. PostgreSQL before 18 plans the statement
-- of an SQL function anew at each call: that was 0.9 ms of each output. See docs/decisions/0038-search.md.

-- Texts and numbers anywhere in a document; not names of fields, and no addresses.
CREATE OR REPLACE FUNCTION texts_in(document jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (
        SELECT string_agg(left(leaf #>> '{}', 10000), ' ') FROM jsonb_path_query(document, 'strict $.**') leaf
        WHERE jsonb_typeof(leaf) IN ('string', 'number') AND leaf #>> '{}' !~* '^(https?|ipfs|data):'
    );
END
$$;

-- Cut, because a tsvector has at most a megabyte. A job's data has the variables of each generation as they were used.
CREATE OR REPLACE FUNCTION note_words() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    title  text;
    sent   jsonb := CASE jsonb_typeof(NEW.input_metadata) WHEN 'object'
                    THEN NEW.input_metadata - '{source_output_id,source_url,source_mime_type}'::text[] END;
    picked jsonb;
BEGIN
    SELECT c.title, j.data #> ARRAY['generations', NEW.generation::text, 'variables'] INTO title, picked
    FROM collection c LEFT JOIN job j ON j.id = NEW.job_id WHERE c.id = NEW.collection_id;
    INSERT INTO output_search (output_id, words) VALUES (NEW.id,
        array_to_tsvector(ARRAY['=' || NEW.user_id])
        || strip(to_tsvector('simple', left(concat_ws(' ', title, texts_in(sent), texts_in(picked)), 20000))))
    ON CONFLICT (output_id) DO UPDATE SET words = excluded.words;
    RETURN NULL;
END
$$;

DROP FUNCTION words_of;
