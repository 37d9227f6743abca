"""Sign-in of a customer company by its own identity provider: its domains, its rules, who is led where (GO-14)."""
