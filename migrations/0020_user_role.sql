-- What users may do besides generating: docs/06-callers.md lists the roles.
CREATE TABLE user_role (
    user_id     uuid NOT NULL REFERENCES app_user ON DELETE CASCADE,
    role        text NOT NULL CHECK (role IN ('author', 'viewer')),
    granted_at  timestamptz NOT NULL DEFAULT now(),
    granted_by  text NOT NULL,                           -- whose key, or who at the command line
    PRIMARY KEY (user_id, role)
);
