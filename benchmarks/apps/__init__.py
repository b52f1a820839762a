"""The applications and servers under measurement, as small as each framework allows."""
