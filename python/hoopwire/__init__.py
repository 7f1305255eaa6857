"""hoopwire: an access gateway. An Okta identity in; a scoped, expiring, recorded session out."""

__version__ = "0.1.0"
