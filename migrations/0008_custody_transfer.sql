-- An identity is claimed once, by one user: what was held for it is theirs since. docs/decisions/0012-custody.md
ALTER TABLE social_link
    ADD COLUMN user_id     uuid REFERENCES app_user,
    ADD COLUMN claimed_at  timestamptz,
    ADD CHECK ((user_id IS NULL) = (claimed_at IS NULL));
CREATE INDEX social_link_newest ON social_link (created_at DESC, id DESC);

-- What a transfer moved. One row per identity, because an identity is claimed once.
CREATE TABLE custody_transfer (
    id              uuid PRIMARY KEY,
    social_link_id  uuid NOT NULL UNIQUE REFERENCES social_link,
    user_id         uuid NOT NULL REFERENCES app_user,
    collections     integer NOT NULL CHECK (collections >= 0),
    decks           integer NOT NULL CHECK (decks >= 0),
    outputs         integer NOT NULL CHECK (outputs >= 0),
    holders         uuid[] NOT NULL,                     -- users who had held something of it
    requested_by    text NOT NULL,                       -- the key that asked for it
    created_at      timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX deck_of_beneficiary ON deck (custodied_for, user_id) WHERE custodied_for IS NOT NULL;
CREATE INDEX collection_of_beneficiary ON collection (custodied_for) WHERE custodied_for IS NOT NULL;
