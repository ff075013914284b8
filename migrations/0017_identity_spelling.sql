-- Identities are stored as the network compares them: without @ and spaces, in lower case where it ignores case. Of
-- several spellings of one identity that hold things, one takes over what the others hold; one that somebody has signed
-- up as stays as it is, because what was held for it has been handed over.
CREATE TEMPORARY TABLE spelling ON COMMIT DROP AS
SELECT id, user_id, normal, first_value(id) OVER (
           PARTITION BY social_org, normal ORDER BY user_id IS NULL, social_identifier <> normal, created_at, id
       ) AS keeper
FROM (
    SELECT id, social_org, social_identifier, user_id, created_at,
           CASE WHEN social_org IN ('farcaster', 'github', 'twitter') THEN lower(bare) ELSE bare END AS normal
    FROM (SELECT *, normalize(ltrim(btrim(social_identifier), '@'), NFC) AS bare FROM social_link) stripped
) normalized
WHERE normal <> '';

CREATE TEMPORARY TABLE merged ON COMMIT DROP AS
SELECT s.id, s.keeper FROM spelling s JOIN spelling k ON k.id = s.keeper
WHERE s.id <> s.keeper AND s.user_id IS NULL AND k.user_id IS NULL;

UPDATE collection c SET custodied_for = m.keeper FROM merged m WHERE c.custodied_for = m.id;
UPDATE deck d SET custodied_for = m.keeper FROM merged m WHERE d.custodied_for = m.id;
UPDATE output o SET custodied_for = m.keeper FROM merged m WHERE o.custodied_for = m.id;
DELETE FROM social_link l USING merged m WHERE l.id = m.id;
UPDATE social_link l SET social_identifier = s.normal FROM spelling s
WHERE l.id = s.keeper AND s.id = s.keeper AND l.social_identifier <> s.normal
      AND NOT EXISTS (SELECT FROM social_link o WHERE o.social_org = l.social_org AND o.social_identifier = s.normal);
