"""The Structs that the other rooms hand to each other: frozen, and without any I/O.

Every other room may import this one; this one imports nothing of hoopwire.
"""
