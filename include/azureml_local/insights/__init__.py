"""Application Insights: a record of every scoring request, kept in SQLite beside the service."""
