"""The recorder: holds the cameras' connections, writes what they send, and never waits for anybody else."""
