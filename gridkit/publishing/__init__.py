"""Tables go in; maps, bulletins and sheets come out: single files that need no network."""
