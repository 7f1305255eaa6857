-- Values of masked columns by way of the domain that they are of: PostgreSQL looks at every column of it, whoever's it is.
--! grant=masked-writer refused=42501 ways=simple,extended

--- add-check: ADD CHECK passes or fails by the values of the masked column wages.pay
ALTER DOMAIN wage ADD CONSTRAINT wage_low CHECK (VALUE < 99999)
--- add-check-unnamed: likewise, in another spelling
ALTER DOMAIN public."wage" ADD CHECK (VALUE BETWEEN 77000 AND 78000)
--- add-check-error: by which error comes, or none
ALTER DOMAIN wage ADD CHECK (1 / (VALUE - 77000) < 5)
--- set-not-null: SET NOT NULL tells whether there is a NULL
ALTER DOMAIN wage SET NOT NULL
--- validate: a check that was there before is asked of the values now
ALTER DOMAIN wage VALIDATE CONSTRAINT wage_known
--- add-check-not-valid: a check of one's own that is not asked at first
--! ways=simple
ALTER DOMAIN wage ADD CONSTRAINT wage_low CHECK (VALUE < 99999) NOT VALID; ALTER DOMAIN wage VALIDATE CONSTRAINT wage_low
--- values-of-another-schema: a domain that the grant may alter, and the value of a relation that it may not read
--! grant=migrator shows=vault-4h8k
ALTER DOMAIN shop.ref ADD CHECK (VALUE::integer > 0)
--- guess-of-another-schema: the same value, guessed
--! grant=migrator
ALTER DOMAIN shop.ref ADD CHECK (VALUE LIKE 'vault%')
