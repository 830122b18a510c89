"""What runs on a robot: checkpoints, inference, observation assembly, trajectory execution. No torch, no simulator."""
