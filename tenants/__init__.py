"""What tells tenants apart: the directory of addresses, the scope of a request, and row security."""
