"""The editing service: its protocol and our client for it."""
