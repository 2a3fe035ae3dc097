"""How fast the client is: ratios from paired runs against what a user has at hand (curl, a shell script)."""
