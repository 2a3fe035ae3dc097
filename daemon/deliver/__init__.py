"""Results to where people look for them: names, files, sidecars."""
