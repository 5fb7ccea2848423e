"""`make demo`: the whole product on one machine, with stand-ins for the outside world."""
