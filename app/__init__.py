"""Galleria: a multi-tenant, white-label cloud marketplace.

Only a docstring stands here: `tenants` and `workers` import `app.core` without building the web application.
"""
