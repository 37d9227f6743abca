"""OpenID Connect: the code flow with PKCE, over ports of its own to the outside world."""
