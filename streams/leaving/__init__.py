"""What must go: a resident's data that are erased, what is past its term, a key-encryption key whose epoch is over."""
