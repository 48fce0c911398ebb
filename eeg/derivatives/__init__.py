"""What the studies of listening found in each person, as BIDS derivatives: tables that other labs' tools can read."""
