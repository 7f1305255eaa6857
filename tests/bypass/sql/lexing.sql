-- Texts that two readers read differently: bytes, encodings, quotes, lengths. All of them hide a write or a secret.
--! grant=reader refused=42501,42601 ways=simple,extended

--- nul-after-select: the check read up to the first NUL
--! escapes ways=simple refused=42501,42601,08P01,22021 unproven=the_server_refuses_the_message
SELECT 1\x00; DELETE FROM scratch
--- nul-inside-name: a NUL inside an identifier
--! escapes ways=simple refused=42501,42601,08P01,22021 unproven=the_server_refuses_the_message
DELETE FROM scr\x00atch
--- invalid-utf8-in-constant: a broken sequence swallowed the quote behind it
--! escapes ways=simple refused=42501,42601,22021 unproven=the_server_refuses_the_encoding
SELECT '\xe4'; DELETE FROM scratch; --'
--- overlong-quote: an overlong sequence is no quote
--! escapes ways=simple refused=42501,42601,22021 unproven=the_server_refuses_the_encoding
SELECT \xc0\xa7'; DELETE FROM scratch; --'
--- latin1-quote: a byte of LATIN1 that is no UTF-8
--! escapes refused=42501,42601,22021 unproven=the_server_refuses_the_encoding
DELETE FROM scratch -- \xe9
--- surrogate: a surrogate as UTF-8
--! escapes refused=42501,42601,22021 unproven=the_server_refuses_the_encoding
DELETE FROM scratch WHERE body <> '\xed\xa0\x80'
--- backslash-in-standard-string: a backslash does not escape the quote
--! ways=simple
SELECT '\'; DELETE FROM scratch; --'
--- e-string-quote: in E'' it does
--! ways=simple
SELECT E'\''; DELETE FROM scratch; --'
--- e-string-double: two backslashes
--! ways=simple
SELECT E'\\'; DELETE FROM scratch; --'
--- string-continuation: constants on two lines are one constant
--! ways=simple
SELECT 'a'
'b'; DELETE FROM scratch; --'
--- string-continuation-comment: no continuation over a comment of slash and star
--! ways=simple
SELECT 'a' -- '
'b'; DELETE FROM scratch
--- dollar-tag-case: the tags of dollar quotes have case
--! ways=simple
SELECT $A$ $a$ $A$; DELETE FROM scratch; -- $a$
--- dollar-parameter: $1$ is a parameter, no quote
--! ways=simple unproven=there_is_no_parameter
SELECT $1$x$; DELETE FROM scratch; --$1$x$
--- dollar-in-identifier: a$b$ is an identifier, no quote
--! ways=simple
SELECT 1 AS a$b$; DELETE FROM scratch; --$b$
--- dollar-unicode-tag: a tag with letters beyond ASCII
--! ways=simple
SELECT $é$ ' $é$; DELETE FROM scratch; --'
--- nested-comment-unbalanced: /* /* */ is still open
--! ways=simple
SELECT 1 /* /* */ */; DELETE FROM scratch -- */
--- comment-operator: */ behind an operator's characters
--! ways=simple
SELECT 1 +/* x */1; DELETE FROM scratch
--- comment-dashes-in-operator: -- inside an operator begins a comment
--! ways=simple
SELECT 1 +-- ;
1; DELETE FROM scratch
--- carriage-return-ends-comment: a carriage return ends a comment of two dashes
--! ways=simple escapes
SELECT 1 -- x\x0dFROM customers; DELETE FROM scratch
--- unicode-line-separator: U+2028 ends no comment, for either reader
--! ways=simple
SELECT 1 -- x 
; DELETE FROM scratch
--- non-breaking-space: U+00A0 is a letter to PostgreSQL, no space
--! unproven=the_server_sees_another_word
DELETE FROM scratch
--- bom: a byte order mark in front of the verb
--! escapes unproven=the_server_sees_another_word
\xef\xbb\xbfDELETE FROM scratch
--- quoted-identifier-escape: a doubled quote inside an identifier
--! ways=simple
SELECT 1 AS "a""; SELECT 2 --"; DELETE FROM scratch
--- unicode-string-uescape: UESCAPE with a quote-like character
--! ways=simple
SELECT U&'d!0027' UESCAPE '!'; DELETE FROM scratch; --'
--- unicode-escape-quote: \0027 inside U&'' is a quote in the value, not in the text
--! ways=simple
SELECT U&'\0027'; DELETE FROM scratch; --'
--- national-string: N'' constants
--! ways=simple
SELECT N'\'; DELETE FROM scratch; --'
--- bit-string: B'' and X'' constants
--! ways=simple
SELECT B'1', X'F'; DELETE FROM scratch
--- psql-like-backslash: a backslash command is no SQL
--! ways=simple unproven=the_server_refuses_the_syntax
\! touch /tmp/owned; DELETE FROM scratch
--- begin-atomic: BEGIN ATOMIC ... END outside a function
--! ways=simple unproven=the_server_refuses_the_syntax
BEGIN ATOMIC DELETE FROM scratch; END
--- deep-parentheses: ten thousand parentheses exhaust a recursive reader
--! ways=simple refused=42501,42601,54001 unproven=see_the_wire_tests
SELECT ((((((((((((((((((((((((((((((((((((((((1)))))))))))))))))))))))))))))))))))))))); DELETE FROM scratch
--- odd-name-as-one-identifier: "public.secrets" is one identifier, and another table
--! shows=vault-4h8k grant=narrow
SELECT key FROM "public.secrets"
--- odd-name-mixed-case: "Secrets" is another table than secrets
--! shows=vault-4h8k grant=narrow
SELECT key FROM "Secrets"
--- odd-name-accent: a name that looks the same
--! shows=vault-4h8k grant=narrow
SELECT key FROM public."sécrets"
--- odd-name-public-as-table: a quoted pattern is no pattern
--! grant=narrow unproven=there_is_no_such_table refused=42501,42P01
SELECT * FROM "public.customers"
--- odd-name-star: a star in quotes is a name
--! grant=narrow unproven=there_is_no_such_table refused=42501,42P01
SELECT * FROM public."*"
