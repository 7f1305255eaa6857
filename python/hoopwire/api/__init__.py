"""HTTP only: the public API over TLS, the operators' API on a Unix socket, and what serves both.

It shows control's operations to programs; it must never know how one is done.
"""
