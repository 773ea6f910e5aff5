"""How weights move: which rule each kind of weight follows, and how its rate changes with the step."""
