"""The words everything else is written in: frozen msgspec Structs, no behaviour that needs the outside.

Every other room may import this one; this one imports nothing of hoopwire.
"""
