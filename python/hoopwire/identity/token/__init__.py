"""Reads access tokens within limits, verifies them, and turns their claims into an `Identity`."""
