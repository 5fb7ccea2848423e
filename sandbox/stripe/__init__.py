"""A stand-in for Stripe's API: stateful, strict, and held to Stripe's own published description of itself."""
