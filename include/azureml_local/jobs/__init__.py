"""Runs as processes: queued per compute target, followed through files, ended honestly."""
