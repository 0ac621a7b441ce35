"""Known boards, one TOML file for each."""
