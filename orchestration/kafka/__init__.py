"""A real Apache Kafka on this machine, from Maven artefacts: for development and tests, without containers."""
