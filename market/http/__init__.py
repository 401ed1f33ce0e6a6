"""The door: routes, their request and response bodies, problems, access, limits."""
