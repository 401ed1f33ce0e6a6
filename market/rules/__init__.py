"""Pure rules: state, commands, times and ids in; events or refusals out."""
