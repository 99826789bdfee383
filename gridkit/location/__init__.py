"""Reports and cells go in; located reports come out: exactly one owner for each point."""
