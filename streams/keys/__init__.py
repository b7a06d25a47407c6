"""Keys: the key-encryption key, the data keys that it wraps, and the ledger of those that were destroyed."""
