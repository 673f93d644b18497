"""Triggers: what waits in the triggerer while a task is deferred. Import each from its own module."""
