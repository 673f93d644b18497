"""What the local Azure ML remembers: metadata in SQLite, content in folders."""
