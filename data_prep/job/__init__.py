"""Jobs over many files, in tasks that any number of processes, on any number of machines, may take."""
