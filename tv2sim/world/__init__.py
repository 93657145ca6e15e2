"""Everything that is not the rule: the scenario, its distributions, profiles and prices."""
