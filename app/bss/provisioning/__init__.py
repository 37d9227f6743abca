"""Provisioning in the back office: the operators' list of tasks, one task with its calls, service managers."""

from app.bss.provisioning import managers, views
from app.bss.provisioning.blueprint import bp

__all__ = ["bp", "managers", "views"]
