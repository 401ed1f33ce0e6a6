"""Commands of agreements: one function per command, each one lane transaction."""
