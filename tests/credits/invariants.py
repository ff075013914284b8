"""What must hold of credits at any moment, as queries: each returns the rows that break it."""

from emprops.kit.database import Transaction

INVARIANTS = {
    "an account has what its entries put there": """
        SELECT a.user_id, a.available, a.held, l.available AS entries_available, l.held AS entries_held
        FROM credit_account a, LATERAL (
            SELECT coalesce(sum(amount) FILTER (WHERE account = 'available'), 0) AS available,
                   coalesce(sum(amount) FILTER (WHERE account = 'held'), 0) AS held
            FROM credit_leg WHERE user_id = a.user_id
        ) l
        WHERE (a.available, a.held) IS DISTINCT FROM (l.available, l.held)
    """,
    "users and the house together have nothing": """
        SELECT users, house
        FROM (SELECT coalesce(sum(available + held), 0) AS users FROM credit_account) u,
             (SELECT coalesce(sum(amount), 0) AS house FROM credit_leg
              WHERE account IN ('granted', 'spent', 'unpaid')) h
        WHERE users + house <> 0
    """,
    "nobody has less than nothing": """
        SELECT user_id, available, held FROM credit_account WHERE available < 0 OR held < 0
    """,
    "what is held is held for jobs": """
        SELECT a.user_id, a.held, h.held AS by_jobs
        FROM credit_account a, LATERAL (
            SELECT coalesce(sum(amount), 0) AS held FROM credit_hold WHERE user_id = a.user_id AND state = 'held'
        ) h
        WHERE a.held <> h.held
    """,
    "what was held for a job is held, spent or given back": """
        SELECT h.job_id, h.state, h.charged, e.held, e.captured, e.settled, e.released
        FROM credit_hold h, LATERAL (
            SELECT coalesce(sum(amount) FILTER (WHERE kind = 'hold'), 0) AS held,
                   coalesce(sum(amount) FILTER (WHERE kind = 'capture'), 0) AS captured,
                   coalesce(sum(amount) FILTER (WHERE kind = 'settle'), 0) AS settled,
                   coalesce(sum(amount) FILTER (WHERE kind = 'release'), 0) AS released
            FROM credit_entry WHERE job_id = h.job_id
        ) e
        WHERE e.held <> h.amount * h.round
           OR e.held <> e.captured + e.settled + e.released + CASE WHEN h.state = 'held' THEN h.amount ELSE 0 END
           OR e.captured <> CASE WHEN h.state = 'captured' THEN coalesce(h.charged, h.amount) ELSE 0 END
           OR (h.charged IS NOT NULL AND h.state <> 'captured')
           OR (e.settled <> 0 AND e.captured + e.settled <> h.amount)
    """,
    "a job is paid for once, by its owner, at its price": """
        SELECT h.job_id, count(*), sum(e.amount)
        FROM credit_hold h JOIN credit_entry e ON e.job_id = h.job_id
        GROUP BY h.job_id, h.user_id, h.amount
        HAVING count(*) FILTER (WHERE e.kind IN ('capture', 'unpaid')) > 1
            OR bool_or(e.amount <> h.amount) FILTER (WHERE e.kind IN ('hold', 'release'))
            OR bool_or(e.amount > h.amount) OR bool_or(e.user_id <> h.user_id)
    """,
    "entries of jobs have a hold": """
        SELECT id FROM credit_entry e
        WHERE job_id IS NOT NULL AND NOT EXISTS (SELECT FROM credit_hold h WHERE h.job_id = e.job_id)
    """,
    "credits follow the job": """
        SELECT j.id, j.status, h.state, h.user_id = j.user_id AS owner
        FROM job j JOIN credit_hold h ON h.job_id = j.id
        WHERE h.user_id <> j.user_id OR h.state <> ALL (
            CASE j.status
                WHEN 'completed' THEN ARRAY['captured', 'unpaid', 'waived']
                WHEN 'failed' THEN ARRAY['released', 'waived']
                ELSE ARRAY['held', 'waived']
            END
        )
    """,
}


async def broken(tx: Transaction) -> dict[str, list[dict[str, object]]]:
    """The invariants that do not hold, with the rows that break them."""
    found = {name: await tx.fetch_dicts(sql) for name, sql in INVARIANTS.items()}
    return {name: rows for name, rows in found.items() if rows}
