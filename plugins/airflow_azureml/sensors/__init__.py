"""Sensors. Import each from its own module."""
