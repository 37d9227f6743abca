"""What must never reach somebody: canaries for customers, foreign ids for everybody."""
