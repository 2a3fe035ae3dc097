"""The embedded studio: a real server of the editing protocol on loopback, and its own renderer."""
