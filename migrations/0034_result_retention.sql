-- How long results are kept. ---------------------------------------------------------------------------------------------
-- Days for the results of a user or a collection; null: as usual, 0: for good. The collection's go before the user's.
ALTER TABLE quota
    ADD COLUMN result_days double precision CHECK (result_days >= 0),
    ADD CONSTRAINT quota_result_days_of CHECK (result_days IS NULL OR kind IN ('user', 'collection'));

-- What is usual, as the settings have it; upkeep writes it here. No row, or 0: for good.
CREATE TABLE usual_result_days (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    days     double precision NOT NULL CHECK (days >= 0)
);

ALTER TABLE output ADD COLUMN expires_at timestamptz;
COMMENT ON COLUMN output.expires_at IS 'when it is hidden and its file removed; null: never, or it is not completed';
CREATE INDEX output_expiring ON output (expires_at, id) WHERE expires_at IS NOT NULL AND status = 'completed';

CREATE FUNCTION set_output_expiry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    days double precision := coalesce(
        (SELECT result_days FROM quota WHERE kind = 'collection' AND subject = NEW.collection_id),
        (SELECT result_days FROM quota WHERE kind = 'user' AND subject = NEW.user_id),
        (SELECT u.days FROM usual_result_days u));
BEGIN
    IF days > 0 THEN
        NEW.expires_at := NEW.completed_at + make_interval(secs => 86400 * days);
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER output_expiry_insert BEFORE INSERT ON output
    FOR EACH ROW WHEN (NEW.status = 'completed') EXECUTE FUNCTION set_output_expiry();
CREATE TRIGGER output_expiry_update BEFORE UPDATE OF status ON output
    FOR EACH ROW WHEN (NEW.status = 'completed' AND OLD.status <> 'completed') EXECUTE FUNCTION set_output_expiry();
