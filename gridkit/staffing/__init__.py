"""Areas and a roster go in; posts come out: one person for each role in each area."""
