"""The control plane: the trio service that runs a gateway.

It asks `identity` who connects, `access` what that principal gets and `custody` for the credential, and tells
the engine the answer. It decides nothing itself and sees no bytes of a session.
"""
