-- Which relation and column of another server a foreign table shows is an option. ALTER FOREIGN TABLE was refused, and ALTER
-- TABLE did the same to a column.
--! grant=migrator ways=simple,extended

--- column-with-an-option: ADD COLUMN says which column of the other server it is
ALTER TABLE shop.remote ADD COLUMN more text OPTIONS (column_name 'secret')
--- column-in-brackets: as the last of several subcommands
ALTER TABLE shop.remote ADD COLUMN a text, ADD b text OPTIONS (column_name 'secret')
--- option-of-a-column: another column behind the same name
ALTER TABLE shop.remote ALTER COLUMN id OPTIONS (ADD column_name 'secret')
--- option-of-the-table: another relation behind the same name
ALTER TABLE shop.remote OPTIONS (ADD table_name 'secrets')
--- foreign-column-with-an-option: by ALTER FOREIGN TABLE
ALTER FOREIGN TABLE shop.remote ADD COLUMN more text OPTIONS (column_name 'secret')
--- foreign-option-of-the-table: by ALTER FOREIGN TABLE
ALTER FOREIGN TABLE shop.remote OPTIONS (ADD table_name 'secrets')
--- foreign-column: by ALTER FOREIGN TABLE, without options
ALTER FOREIGN TABLE shop.remote ADD COLUMN secret text
--- foreign-rename: by ALTER FOREIGN TABLE, its name
ALTER FOREIGN TABLE shop.remote RENAME TO elsewhere
--- foreign-made: a foreign table of one's own
CREATE FOREIGN TABLE shop.mine (id integer) SERVER plain_server OPTIONS (table_name 'secrets')
--- foreign-dropped: DROP FOREIGN TABLE
DROP FOREIGN TABLE shop.remote
--- foreign-server: where it is
ALTER SERVER plain_server OPTIONS (ADD host 'elsewhere.example')
--- foreign-mapping: as whom it is read
CREATE USER MAPPING FOR app SERVER plain_server OPTIONS (user 'other')
--- foreign-partition: a foreign table among the partitions of a relation
CREATE FOREIGN TABLE shop.part PARTITION OF public.members FOR VALUES IN ('us') SERVER plain_server
