-- O4: under a grant that only reads READ WRITE goes up as READ ONLY. A function that the grant may call, and that writes,
-- shows that the belt stays on: the target itself refuses (25006).
--! grant=scribbler refused=25006,42501 ways=simple,extended

--- begin-read-write-function: as every transaction of Go's database/sql begins
BEGIN READ WRITE
-- then
SELECT scribble('x')
-- then
COMMIT
--- start-transaction-read-write-function: with other modes around it
START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE, NOT DEFERRABLE
-- then
SELECT scribble('x')
-- then
COMMIT
--- begin-both-function: the last of two counts
BEGIN READ ONLY, READ WRITE
-- then
SELECT scribble('x')
-- then
COMMIT
--- begin-without-commas-function: the comma may be left out
BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE
-- then
SELECT scribble('x')
-- then
COMMIT
--- begin-in-mixed-case-over-lines: words in any case, blanks of any kind
--! escapes
bEgIn TRANSACTION rEaD\x09
\x0c wRiTe
-- then
SELECT scribble('x')
-- then
COMMIT
--- begin-behind-other-characters: places are counted in bytes
--! ways=simple
SELECT 'ééé"'; BEGIN READ WRITE
-- then
SELECT scribble('x')
-- then
COMMIT
--- begin-twice-in-one-text: each of them
--! ways=simple
BEGIN READ WRITE; COMMIT; BEGIN READ WRITE
-- then
SELECT scribble('x')
-- then
COMMIT
--- set-transaction-function: SET TRANSACTION before the first snapshot
BEGIN
-- then
SET TRANSACTION READ WRITE
-- then
SELECT scribble('x')
-- then
COMMIT
--- set-transaction-twice-function: said twice
BEGIN READ ONLY
-- then
SET TRANSACTION READ WRITE, READ WRITE
-- then
SELECT scribble('x')
-- then
COMMIT
--- characteristics-function: the session's default, as pgjdbc sets it
SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE
-- then
SELECT scribble('x')
--- characteristics-with-isolation-function: among others
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE
-- then
SELECT scribble_rows()
--- default-off-function: as psycopg2 sets it
SET default_transaction_read_only TO 'off'
-- then
SELECT scribble('x')
--- default-off-words-function: whatever is off
SET SESSION "DEFAULT_transaction_READ_only" = FALSE
-- then
SELECT scribble('x')
--- default-off-short-function: the beginning of a word does
SET default_transaction_read_only = 'f'
-- then
SELECT scribble('x')
--- default-zero-function: or a number
SET default_transaction_read_only = 0
-- then
SELECT scribble('x')
--- transaction-off-function: the transaction's own setting
BEGIN
-- then
SET transaction_read_only = off
-- then
SELECT scribble('x')
-- then
COMMIT
--- chain-function: the next transaction is as this one was
BEGIN READ WRITE
-- then
COMMIT AND CHAIN
-- then
SELECT scribble('x')
-- then
COMMIT
--- savepoint-function: inside a savepoint
BEGIN READ WRITE
-- then
SAVEPOINT s
-- then
SELECT scribble('x')
-- then
COMMIT
--- comment-inside: a comment between the two words
--! refused=25006,42501,42601
BEGIN READ/* */WRITE
-- then
SELECT scribble('x')
-- then
COMMIT
--- comment-of-a-line-inside: one that ends with the line
--! refused=25006,42501,42601
BEGIN READ --
WRITE
-- then
SELECT scribble('x')
-- then
COMMIT
--- default-escaped: a constant whose bytes are not what it says
SET default_transaction_read_only = E'\157ff'
-- then
SELECT scribble('x')
--- default-in-dollars: between dollars
--! refused=25006,42501,42601
SET default_transaction_read_only = $$off$$
-- then
SELECT scribble('x')
--- default-unicode: by Unicode escapes
SET default_transaction_read_only = U&'\006fff'
-- then
SELECT scribble('x')
--- default-as-a-name: in double quotes
SET default_transaction_read_only = "off"
-- then
SELECT scribble('x')
--- default-over-two-lines: one constant on two lines
--! refused=25006,42501,42601
SET default_transaction_read_only = '0'
''
-- then
SELECT scribble('x')
--- default-over-two-lines-split: cut in the middle of the word
SET default_transaction_read_only = 'o'
'ff'
-- then
SELECT scribble('x')
--- set-config-off: by a function
SELECT set_config('default_transaction_read_only', 'off', false)
-- then
SELECT scribble('x')
--- write-by-text-behind-read-write: the parser refuses as ever
BEGIN READ WRITE
-- then
INSERT INTO notes (body) VALUES ('x')
-- then
COMMIT
--- copy-behind-read-write: COPY FROM
BEGIN READ WRITE
-- then
COPY notes FROM STDIN
-- then
COMMIT
--- lock-behind-read-write: a lock needs its verb
BEGIN READ WRITE
-- then
LOCK TABLE notes IN ACCESS EXCLUSIVE MODE
--- two-phase-behind-read-write: a transaction that stays
BEGIN READ WRITE
-- then
PREPARE TRANSACTION 'intruder'
