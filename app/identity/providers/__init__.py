"""Identity providers of a realm: who they are, whom they know, and what became of each round trip to one (SF-14, BC-27)."""
