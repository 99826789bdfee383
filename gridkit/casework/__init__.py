"""Located reports go in; cases with stages and due dates come out."""
