"""What every service is made of: operations, calls, errors, names, time."""
