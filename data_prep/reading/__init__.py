"""From files, folders and the hub to pages."""
