"""What is in deploy/, tried as far as it goes without containers."""
