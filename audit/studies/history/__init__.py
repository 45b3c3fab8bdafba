"""How findings moved over many runs."""
