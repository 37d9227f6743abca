"""Schema history. Migrations import nothing of the application; they run while the previous release still serves."""
