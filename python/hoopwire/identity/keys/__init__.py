"""An issuer's keys: fetched within limits, kept, looked up by key id."""
