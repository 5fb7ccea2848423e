"""Stand-ins for the outside world, for the demo and the tests: Stripe, an OnlyFans gateway and a mail server.

They speak the real wire formats over the network, so that the program under test differs from production by
addresses only. Nothing here imports the program, and the program imports nothing from here.
"""
