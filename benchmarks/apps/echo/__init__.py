"""TCP echo, as each of them is written by its own manual."""
