"""The long game: offtake agreements over months and years."""
