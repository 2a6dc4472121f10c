"""What runs on the cell's computer: contract, motion, safety, policy, programs and the control loop."""
