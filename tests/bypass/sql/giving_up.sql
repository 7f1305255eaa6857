-- O2: what only gives up what the session holds passes, as DISCARD ALL does. These are its neighbours that do not.
--! grant=reader refused=42501 ways=simple,extended

--- reset-transaction-read-only: its own default is READ WRITE, whatever the session began with
--! until=16
BEGIN
-- then
RESET transaction_read_only
-- then
DELETE FROM scratch
-- then
COMMIT
--- transaction-read-only-to-default: the same by SET
--! until=16
BEGIN
-- then
SET LOCAL transaction_read_only TO DEFAULT
-- then
DELETE FROM scratch
-- then
COMMIT
--- reset-of-one-that-was-never-set: a row policy may ask whether it is there
--! session=SELECT+current_setting('app.tenant',true)+IS+NULL
RESET app.tenant
--- default-of-one-that-was-never-set: the same by SET ... TO DEFAULT
--! session=SELECT+current_setting('app.tenant',true)+IS+NULL
SET app.tenant TO DEFAULT
--- default-of-one-that-was-never-set-with-other-case: the same in another spelling
--! session=SELECT+current_setting('app.admin',true)+IS+NULL
SET SESSION "App"."Admin" = DEFAULT
--- lock-beside-an-unlock: one gives up, the other takes
SELECT pg_advisory_unlock_all(), pg_advisory_lock(1)
--- try-lock-beside-an-unlock: likewise
SELECT pg_advisory_unlock(1), pg_try_advisory_lock(1)
--- shared-lock-beside-an-unlock: likewise
SELECT pg_advisory_unlock_shared(1), pg_advisory_lock_shared(1, 2)
--- unlock-of-another-schema: a function of the same name
--! unproven=there_is_no_such_function
SELECT public.pg_advisory_unlock_all()
--- unlock-by-call: CALL is for procedures
--! unproven=it_is_no_procedure
CALL pg_advisory_unlock_all()
--- terminate-beside-an-unlock: in one text of a pool's
--! ways=simple unproven=the_victim_would_be_gone
SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL; SELECT pg_terminate_backend(@victim@)
--- listen-behind-unlisten: UNLISTEN needs no word, LISTEN does
--! ways=simple session=SELECT+count(*)+FROM+pg_listening_channels()
UNLISTEN *; LISTEN news
--- notify-behind-unlisten: nor does NOTIFY come along
--! ways=simple unproven=nobody_listens
UNLISTEN *; NOTIFY news
--- write-behind-reset-all: what is reset is what the gateway gave
--! belt
RESET ALL
-- then
DELETE FROM scratch
--- write-behind-discard-and-begin: as a pool hands it out
--! belt
DISCARD ALL
-- then
BEGIN
-- then
DELETE FROM scratch
-- then
COMMIT
--- write-behind-session-authorization: and as another one does
--! belt
SET SESSION AUTHORIZATION DEFAULT
-- then
RESET ROLE
-- then
DELETE FROM scratch
--- another-role-behind-reset: RESET ROLE gives up, SET ROLE takes
--! session=SELECT+current_user
RESET ROLE
-- then
SET ROLE app_md5
--- role-none-in-quotes-of-a-name: a role that is called so is another
--! unproven=there_is_no_such_role
SET ROLE "None"
--- role-by-set-config: not a word of the text
--! unproven=there_is_no_role_to_leave
SELECT set_config('role', 'none', false)
--- local-role-none: for the transaction alone; nothing else says that
--! unproven=there_is_no_role_to_leave
SET LOCAL ROLE NONE
--- authorization-by-name: not DEFAULT
--! session=SELECT+session_user
SET SESSION AUTHORIZATION 'app_md5'
--- search-path-behind-reset: RESET ALL, then elsewhere
--! session=SHOW+search_path
RESET ALL
-- then
SET search_path = audit, public
--- strings-behind-discard: DISCARD ALL, then strings read otherwise
--! session=SHOW+standard_conforming_strings
DISCARD ALL
-- then
SET standard_conforming_strings = off
--- deallocate-and-prepare-a-write: one gives up, the other takes
DEALLOCATE ALL
-- then
PREPARE w AS DELETE FROM scratch
-- then
EXECUTE w
--- drop-instead-of-discard-temp: DISCARD TEMP drops what is temporary, DROP anything
DISCARD TEMP
-- then
DROP TABLE scratch
