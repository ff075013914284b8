-- Each list of decks has an index in its order, so that a page costs the same however many decks there are. ------------

CREATE INDEX deck_of_user_shown ON deck (user_id, created_at DESC, id DESC) WHERE status <> 'archived';
CREATE INDEX deck_of_user_by_status ON deck (user_id, status, created_at DESC, id DESC);
DROP INDEX deck_of_user;
CREATE INDEX deck_of_collection_shown ON deck (collection_id, created_at DESC, id DESC) WHERE status <> 'archived';
CREATE INDEX deck_of_collection_by_status ON deck (collection_id, status, created_at DESC, id DESC);
DROP INDEX deck_published;
