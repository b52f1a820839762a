"""Other parsers behind fastserve's parser port, so that only the parser changes."""
