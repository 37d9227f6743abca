"""Which storefront answers at which address (decisions section 4)."""
