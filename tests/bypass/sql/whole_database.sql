-- Maintenance without a name is done to every relation, also to those that are denied or left out: the schema of "all" was
-- compared with a deny's schema as if it were one.
--! grant=whole refused=42501 ways=simple,extended unproven=nothing_is_left_to_see

--- vacuum: without a name
VACUUM
--- vacuum-full: it rewrites each relation
VACUUM FULL
--- vacuum-options: options, and no name
VACUUM (ANALYZE, FREEZE)
--- analyze: without a name
ANALYZE
--- analyze-verbose: its notices name every relation
ANALYZE VERBOSE
--- reindex-database: all indexes
REINDEX DATABASE orders
--- reindex-schema: those of a schema that has some of them
REINDEX SCHEMA public
--- reindex-concurrently: without locking them
REINDEX DATABASE CONCURRENTLY orders
--- cluster: all that was ever clustered
CLUSTER
--- cluster-verbose: all that was ever clustered, with notices
CLUSTER VERBOSE
--- but-vacuum: left out by except
--! grant=whole-but
VACUUM
--- but-analyze: left out by except
--! grant=whole-but
ANALYZE
--- but-reindex: left out by except
--! grant=whole-but
REINDEX DATABASE orders
--- but-named: left out by except, and named among others
--! grant=whole-but
VACUUM notes, secrets
