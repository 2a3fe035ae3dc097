"""Media files: which are taken, what is in them, and running ffmpeg on them."""
