"""Fetches the issuers' signing keys within limits, keeps them, and looks them up by key id."""
