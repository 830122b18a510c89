"""What a robot carries: checkpoints, inference, observation assembly, trajectory execution. No torch, no simulator."""
