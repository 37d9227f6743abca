"""Connectors: our code for the vendors' provisioning systems ("service manager" on screens), CB-22.

A connector is told everything as arguments: settings, the complete picture of the resource, the idempotency key, where
it may connect to and where calls are recorded. It imports nothing of `app` but `app.core`. See docs/connectors.md.
"""
