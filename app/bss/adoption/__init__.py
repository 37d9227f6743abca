"""Taking over services that run at a vendor already, in the back office (GO-06)."""
