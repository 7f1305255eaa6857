"""Verifies what a principal proves itself with over SSH."""
