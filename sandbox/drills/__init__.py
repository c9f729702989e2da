"""What breaks on a headnode, broken on purpose on the whole sandbox, and what then happens, written down."""
