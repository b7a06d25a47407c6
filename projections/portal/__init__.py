"""The pages that people open: server-rendered, in Dutch, from the views and nothing else.

No log, no vault, no events: a page asks its `Desk` (`desk.py`), which records every look before it answers.
"""
