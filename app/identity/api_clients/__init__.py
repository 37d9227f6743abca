"""Programs that call the API: their secrets, scopes, tokens, and the ends of all of them."""
