"""The stand-in's page for people: what there is, and buttons that order, change and end it."""
