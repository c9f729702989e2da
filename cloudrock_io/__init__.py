"""The door to Cloudrock: HTTP below, typed records above."""
