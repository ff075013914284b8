-- Who did what to whom. Rows are appended by the transaction that does it, and joined to a chain of hashes soon after:
-- docs/decisions/0045-audit-log.md says how, and why not at once.
CREATE TABLE audit_entry (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- a gap: a transaction rolled back, or a row removed
    at          timestamptz NOT NULL DEFAULT now(),
    actor       text NOT NULL,                           -- user:<id>, key:emp_<prefix>[ as user:<id>], cli:<login>, emprops
    action      text NOT NULL,
    target      text NOT NULL,                           -- job:<id>, key:emp_<prefix>, …; empty for the installation
    user_id     uuid,                                    -- whom it concerns; no reference: entries outlive users
    details     jsonb NOT NULL CHECK (jsonb_typeof(details) = 'object'),
    request_id  text,
    position    bigint UNIQUE CHECK (position > 0),      -- in the chain, without gaps
    previous    bytea CHECK (length(previous) = 32),     -- hash of the entry before it
    hash        bytea CHECK (length(hash) = 32),         -- SHA-256 of this one, with its position and previous
    CHECK (num_nulls(position, previous, hash) IN (0, 3))
);
CREATE INDEX audit_entry_unchained ON audit_entry (id) WHERE position IS NULL;
CREATE INDEX audit_entry_of_actor ON audit_entry (actor text_pattern_ops, id);
CREATE INDEX audit_entry_of_action ON audit_entry (action text_pattern_ops, id);
CREATE INDEX audit_entry_of_target ON audit_entry (target, id);
CREATE INDEX audit_entry_of_user ON audit_entry (user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX audit_entry_by_time ON audit_entry (at);

-- The end of the chain: the row that who extends the chain locks, and by which a removed end is noticed.
CREATE TABLE audit_head (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position  bigint NOT NULL,
    hash      bytea NOT NULL CHECK (length(hash) = 32)
);
INSERT INTO audit_head (position, hash) VALUES (0, decode(repeat('00', 32), 'hex'));

CREATE FUNCTION audit_entry_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.position IS NULL
           AND (OLD.id, OLD.at, OLD.actor, OLD.action, OLD.target, OLD.user_id, OLD.details, OLD.request_id)
               IS NOT DISTINCT FROM
               (NEW.id, NEW.at, NEW.actor, NEW.action, NEW.target, NEW.user_id, NEW.details, NEW.request_id) THEN
            RETURN NEW;  -- it joins the chain
        END IF;
    ELSIF TG_OP = 'DELETE' THEN
        IF OLD.position IS NOT NULL AND current_setting('emprops.audit_retention', true) = 'on' THEN
            RETURN OLD;  -- it is older than entries are kept
        END IF;
    END IF;
    RAISE EXCEPTION 'audit_entry is append-only' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER audit_entry_kept BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION audit_entry_is_append_only();
CREATE TRIGGER audit_entry_not_emptied BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_is_append_only();
