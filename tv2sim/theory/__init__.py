"""What is known without simulation, and the verification of the engines against it."""
