"""What every record of the back office has beside its own pages: who sees it, who looks after it."""
