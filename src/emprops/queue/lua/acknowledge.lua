-- acknowledge(group, then ids of entries of the report stream): their effects are committed, so they go.
-- Both or none: half of it would leave an entry that nobody reads again, or a pending one without content.

redis.call('XACK', K.reports, ARGV[1], unpack(ARGV, 2))
redis.call('XDEL', K.reports, unpack(ARGV, 2))
