-- The names held the module of the endpoint, so moving a file would have forgotten the answers of seven days. The
-- operation id is the last part, and public: it stays.
UPDATE idempotency_key SET route = regexp_replace(route, '^.*\.', '');
