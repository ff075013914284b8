-- Operators: docs/decisions/0046-operators.md.
ALTER TABLE user_role
    DROP CONSTRAINT user_role_role_check,
    ADD CONSTRAINT user_role_role_check CHECK (role IN ('author', 'operator', 'viewer'));
