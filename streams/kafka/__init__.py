"""The scaled engine: Apache Kafka holds the log and brings it to the step, and partners come in by it.

Nothing below asks for it, and no other folder here uses a client of Kafka."""
