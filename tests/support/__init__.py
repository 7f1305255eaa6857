"""What tests and benches share: clients, peers and lanes that are no part of the gateway."""
