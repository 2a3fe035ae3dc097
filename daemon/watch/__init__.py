"""From a change on disk, or a scan, to a settled file."""
