"""Platform exports into a data package: what comes in is kept with its origin, keyed at the door, and put on a clock."""
