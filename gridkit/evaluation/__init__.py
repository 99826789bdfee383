"""Cases go in; indicators, rates and heat come out."""
