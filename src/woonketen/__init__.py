"""Woonketen: consent-scoped events between housing, care, buddy and municipality."""
