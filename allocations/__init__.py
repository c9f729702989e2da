"""The rules, pure: names, desired and observed state, plans, usage. No I/O, no clock, no environment."""
