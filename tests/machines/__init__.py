"""Several machines on one: processes in network namespaces, and what is shown with them."""
