"""A made city, its people and a year of its reports: the same on every machine."""
