"""Who acts in the identity tests."""

from __future__ import annotations

from app.audit.services import Actor

OPERATOR = Actor(None, "Operator")
