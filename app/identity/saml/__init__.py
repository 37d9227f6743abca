"""SAML 2.0: python3-saml builds, parses and verifies signatures; what it lets pass is refused here (ADR 0021)."""
