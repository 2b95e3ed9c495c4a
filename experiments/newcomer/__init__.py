"""What a newcomer with data of his own once stumbled over, tried again as he did it."""
