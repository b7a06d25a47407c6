"""The full matrix: event type × recipient × purpose × consent answer × safety flag, through the database."""
