"""The log: as PostgreSQL holds it, as a step reads it where Kafka holds it, and a record as a message."""
