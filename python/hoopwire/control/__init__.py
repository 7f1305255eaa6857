"""The control plane: the trio service between identity, policy, store and the engine.

It decides nothing itself and sees no wire bytes; it asks the rooms that know and carries their answers.
"""
