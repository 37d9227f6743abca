"""Users, realms, roles and how people sign in."""
