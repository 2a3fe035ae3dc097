"""The daemon as a service: systemd, schedules."""
