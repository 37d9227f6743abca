"""Companies: direct customers, resellers and their end customers; who orders, who pays."""
