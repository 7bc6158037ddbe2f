-- Rules that have ended are removed in their order.
CREATE INDEX class_rule_until ON class_rule (until) WHERE until IS NOT NULL;
