"""Serves the gateway's two HTTP APIs: the public one over TLS, the operators' one on a Unix socket.

It turns requests into calls of `control`, and results into answers; it must never know how a verb is done.
"""
