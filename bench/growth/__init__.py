"""How cost grows: what ``python -m bench growth`` measures and draws, a file for each subject."""
