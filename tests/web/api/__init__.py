"""The API from outside: credentials attacked one by one, answers, limits, pages of credentials."""
