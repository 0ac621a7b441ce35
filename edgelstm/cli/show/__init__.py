"""How commands show things: tables, style, progress."""
