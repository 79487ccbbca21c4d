"""Group-sequential designs: boundaries, power, what an interim look says, and inference after stopping."""
