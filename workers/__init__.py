"""The workers: what happens after a commit, outside of any request."""
