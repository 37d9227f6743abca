"""The API: `…/api/v1/` of each storefront, `/bss/api/v1/` of the back office. JSON in, JSON out, no sessions."""
