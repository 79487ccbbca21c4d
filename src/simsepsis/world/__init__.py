"""The world that is simulated: one frozen, validated record from a TOML file, and the truth in it."""
