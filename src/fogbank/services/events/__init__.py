"""Amazon EventBridge: events on buses, the rules that they match, schedules, and the targets of both."""
