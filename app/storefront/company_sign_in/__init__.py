"""Single sign-on of a customer company, set up by its own Admins: domains, providers, rules (GO-14)."""

from app.storefront.company_sign_in import domains, group_rules, providers, views
from app.storefront.company_sign_in.blueprint import bp

__all__ = ["bp", "domains", "group_rules", "providers", "views"]
