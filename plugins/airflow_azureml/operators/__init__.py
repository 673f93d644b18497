"""Operators, one per file. Import each from its own module."""
