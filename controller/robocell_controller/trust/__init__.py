"""What a bundle has to show before it is run: who signed it, and that every part of it is what it claims to be."""
