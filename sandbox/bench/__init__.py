"""What our reads cost beside the bare commands, and beside the pattern of the old agents."""
