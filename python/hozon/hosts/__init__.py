"""What other programs bring along that run code in cells: one file a host."""
