"""What comes back when firms are drawn again, moved, or counted in other areas."""
