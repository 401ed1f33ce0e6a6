"""Pure decisions on agreements: state, command, time and ids in; events or a refusal out."""
