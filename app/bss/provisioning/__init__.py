"""Provisioning in the back office: the operators' list of tasks, one task with its calls, service managers."""

from app.bss.provisioning import accounts, deliveries, managers, views
from app.bss.provisioning.blueprint import bp

__all__ = ["accounts", "bp", "deliveries", "managers", "views"]
