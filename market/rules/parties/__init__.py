"""Who trades: organisations with their facilities and keys, and members of markets."""
