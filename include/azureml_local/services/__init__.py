"""Web services as processes: deployed, supervised, updated in place, and taken up again after a restart."""
