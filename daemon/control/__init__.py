"""The socket between commands and the daemon: who has no lock asks who has it."""
