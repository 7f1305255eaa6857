"""Shipped parts for tests and for the demo: loopback only, never beside anything real."""
